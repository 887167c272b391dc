using System.Text;

namespace ProxyFramework.ApiServerStandIn;

/// <summary>Files that tell clients how to reach a server.</summary>
public static class Kubeconfig
{
    /// <summary>One whose user has the server's client certificate.</summary>
    public static string WithCertificate(StandInServer server, string? url = null) => Text(server, url, $"""
            client-certificate-data: {Base64(server.Certificates.Client.ExportCertificatePem())}
            client-key-data: {Base64(server.Certificates.Client.GetECDsaPrivateKeyPem())}
        """);

    /// <summary>One whose user is told by lines of YAML.</summary>
    public static string WithUser(StandInServer server, params string[] lines) => Text(server, null, string.Join('\n', lines.Select(line => "    " + line)));

    private static string Text(StandInServer server, string? url, string user) => $"""
        apiVersion: v1
        kind: Config
        current-context: stand-in
        clusters:
        - name: stand-in
          cluster:
            server: {url ?? $"https://{server.Address}"}
            certificate-authority-data: {Base64(server.Certificates.AuthorityPem)}
        contexts:
        - name: stand-in
          context:
            cluster: stand-in
            user: proxy
        users:
        - name: proxy
          user:
        {user}

        """;

    private static string Base64(string pem) => Convert.ToBase64String(Encoding.UTF8.GetBytes(pem));

    private static string GetECDsaPrivateKeyPem(this System.Security.Cryptography.X509Certificates.X509Certificate2 certificate)
    {
        using var key = System.Security.Cryptography.X509Certificates.ECDsaCertificateExtensions.GetECDsaPrivateKey(certificate)!;
        return key.ExportPkcs8PrivateKeyPem();
    }
}

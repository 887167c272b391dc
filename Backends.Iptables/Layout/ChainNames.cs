using System.Security.Cryptography;
using System.Text;

namespace ProxyFramework.Backends.Iptables.Layout;

/// <summary>
/// The names of chains: kube-proxy's, so that administrators know them, and that one can take over from the other by replacing what is in
/// them. The kubelet's (KUBE-FIREWALL, KUBE-MARK-DROP, KUBE-KUBELET-CANARY, KUBE-IPTABLES-HINT) are not among them.
/// </summary>
internal static class ChainNames
{
    public const string Services = "KUBE-SERVICES";
    public const string NodePorts = "KUBE-NODEPORTS";
    public const string PostRouting = "KUBE-POSTROUTING";
    public const string MarkMasquerade = "KUBE-MARK-MASQ";
    public const string Hairpin = "KUBE-HAIRPIN";
    public const string Forward = "KUBE-FORWARD";
    public const string ClusterGroup = "KUBE-SVC-";
    public const string LocalGroup = "KUBE-SVL-";
    public const string ByOrigin = "KUBE-EXT-";
    public const string Firewall = "KUBE-FW-";
    public const string EndpointList = "KUBE-SEP-";
    public const string Masquerade = "KUBE-MASQ-";

    /// <summary>Base32 (RFC 4648), as kube-proxy's hashes are written.</summary>
    private const string Base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

    private static readonly string[] Whole =
        [Services, NodePorts, PostRouting, MarkMasquerade, Hairpin, Forward, "KUBE-EXTERNAL-SERVICES", "KUBE-PROXY-FIREWALL", "KUBE-PROXY-CANARY"];

    private static readonly string[] Prefixes =
        [ClusterGroup, LocalGroup, ByOrigin, Firewall, EndpointList, Masquerade, "KUBE-XLB-", Services + "-"];

    /// <summary>Whether a chain is this mode's or kube-proxy's.</summary>
    public static bool IsOurs(string name) => Whole.Contains(name) || Prefixes.Any(prefix => name.StartsWith(prefix, StringComparison.Ordinal));

    /// <summary>The name as kube-proxy prints a service port: <c>namespace/name:port</c>.</summary>
    public static string Comment(ServicePortKey key) => key.PortName.Length == 0 ? key.Service.ToString() : $"{key.Service}:{key.PortName}";

    /// <summary>kube-proxy's hash of a service port; with a discriminator, of something that belongs to it.</summary>
    public static string Hash(ServicePortKey key, string discriminator = "")
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(Comment(key) + key.Protocol.ToApiName().ToLowerInvariant() + discriminator), hash);
        Span<char> name = stackalloc char[16];
        for (var i = 0; i < name.Length; i++)
        {
            var bit = i * 5;
            var pair = (hash[bit / 8] << 8) | hash[(bit / 8) + 1];
            name[i] = Base32[(pair >> (11 - (bit % 8))) & 31];
        }

        return new string(name);
    }
}

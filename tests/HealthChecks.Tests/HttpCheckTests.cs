using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ProxyFramework.Plugins.HealthChecks;
using Xunit;

namespace ProxyFramework.HealthChecks.Tests;

/// <summary>http, https and grpc against a real server of the framework class library.</summary>
public sealed class HttpCheckTests
{
    [Fact]
    public async Task Http_looks_at_the_status()
    {
        await using var server = await StartAsync(context => context.Response.StatusCode = context.Request.Path.Value switch
        {
            "/moved" => 302,
            "/gone" => 410,
            _ => 200,
        });
        Assert.True((await Checks.Probe<HttpHealthCheck>().AskAsync(AddressOf(server))).IsHealthy);
        Assert.True((await Checks.Probe<HttpHealthCheck>("path=/moved").AskAsync(AddressOf(server))).IsHealthy);
        Assert.Equal("status 410, and not 200-399", (await Checks.Probe<HttpHealthCheck>("path=/gone").AskAsync(AddressOf(server))).Reason);
        Assert.True((await Checks.Probe<HttpHealthCheck>("path=/gone", "status=410").AskAsync(AddressOf(server))).IsHealthy);
        Assert.False((await Checks.Probe<HttpHealthCheck>("path=/moved", "status=200-299").AskAsync(AddressOf(server))).IsHealthy);
    }

    [Fact]
    public async Task Http_looks_at_the_body_and_at_a_header_and_sends_the_host()
    {
        await using var server = await StartAsync(context =>
        {
            context.Response.Headers["X-Role"] = "primary, writable";
            return context.Response.WriteAsync($"status: fine, host: {context.Request.Host}");
        });
        var address = AddressOf(server);
        Assert.True((await Checks.Probe<HttpHealthCheck>("body=status: fine", "host=web.example", "header=x-role: primary").AskAsync(address)).IsHealthy);
        Assert.True((await Checks.Probe<HttpHealthCheck>("body=host: web.example", "host=web.example").AskAsync(address)).IsHealthy);
        Assert.True((await Checks.Probe<HttpHealthCheck>("header=X-Role").AskAsync(address)).IsHealthy);
        Assert.Contains("body", (await Checks.Probe<HttpHealthCheck>("body=broken").AskAsync(address)).Reason, StringComparison.Ordinal);
        Assert.Contains("header", (await Checks.Probe<HttpHealthCheck>("header=X-Role: replica").AskAsync(address)).Reason, StringComparison.Ordinal);
        Assert.Contains("header", (await Checks.Probe<HttpHealthCheck>("header=X-Other").AskAsync(address)).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Http_opens_a_connection_for_each_probe()
    {
        var connections = new HashSet<string>();
        await using var server = await StartAsync(context => connections.Add(context.Connection.Id));
        var probe = Checks.Probe<HttpHealthCheck>();
        for (var i = 0; i < 3; i++)
        {
            Assert.True((await probe.AskAsync(AddressOf(server))).IsHealthy);
        }

        Assert.Equal(3, connections.Count);
    }

    [Fact]
    public async Task Http_does_not_wait_for_a_server_that_accepts_and_says_nothing()
    {
        using var hung = new TcpListener(IPAddress.Loopback, 0);
        hung.Start();
        Assert.False((await Checks.Probe<HttpHealthCheck>().AskAsync(hung.LocalEndpoint, TimeSpan.FromMilliseconds(200))).IsHealthy);
    }

    [Fact]
    public async Task Https_verifies_the_certificate_only_where_it_is_to()
    {
        await using var server = await StartAsync(_ => { }, options => options.UseHttps(SelfSigned()));
        Assert.True((await Checks.Probe<HttpsHealthCheck>().AskAsync(AddressOf(server))).IsHealthy);
        Assert.False((await Checks.Probe<HttpsHealthCheck>("verify=true", "host=web.example").AskAsync(AddressOf(server))).IsHealthy);
        Assert.False((await Checks.Probe<HttpHealthCheck>().AskAsync(AddressOf(server))).IsHealthy);
    }

    /// <summary>What servers answer is in the protocol: <c>grpc/health/v1/health.proto</c>.</summary>
    [Theory]
    [InlineData("", true, "")]
    [InlineData("orders", false, "NOT_SERVING")]
    [InlineData("unset", false, "UNKNOWN")]
    [InlineData("nobody-knows", false, "gRPC status 5")]
    public async Task Grpc_asks_for_a_service_by_the_health_checking_protocol(string service, bool isHealthy, string reason)
    {
        await using var server = await StartAsync(AnswerGrpcAsync, options => options.Protocols = HttpProtocols.Http2);
        var result = await Checks.Probe<GrpcHealthCheck>(service.Length == 0 ? [] : [$"service={service}"]).AskAsync(AddressOf(server));
        Assert.Equal((isHealthy, reason), (result.IsHealthy, result.Reason));
    }

    private static async Task AnswerGrpcAsync(HttpContext context)
    {
        var buffer = new byte[256];
        var length = await context.Request.Body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false);
        Assert.Equal("/grpc.health.v1.Health/Check", context.Request.Path.Value);
        Assert.Equal("application/grpc", context.Request.ContentType);
        Assert.Equal(length - 5, buffer[4]);
        var service = length == 5 ? "" : System.Text.Encoding.UTF8.GetString(buffer, 7, length - 7);
        context.Response.ContentType = "application/grpc";
        byte[]? message = service switch { "" => [0x08, 1], "orders" => [0x08, 2], "unset" => [], _ => null };
        if (message is not null)
        {
            await context.Response.Body.WriteAsync((byte[])[0, 0, 0, 0, (byte)message.Length, .. message]);
        }

        context.Response.AppendTrailer("grpc-status", message is null ? "5" : "0");
    }

    private static Task<WebApplication> StartAsync(Action<HttpContext> answer, Action<ListenOptions>? listen = null) =>
        StartAsync(
            context =>
            {
                answer(context);
                return Task.CompletedTask;
            },
            listen);

    private static async Task<WebApplication> StartAsync(Func<HttpContext, Task> answer, Action<ListenOptions>? listen = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen ?? (_ => { })));
        var server = builder.Build();
        server.Run(context => answer(context));
        await server.StartAsync();
        return server;
    }

    private static IPEndPoint AddressOf(WebApplication server)
    {
        var address = server.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        return new IPEndPoint(IPAddress.Loopback, new Uri(address).Port);
    }

    private static X509Certificate2 SelfSigned()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateRequest("CN=web.example", key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pfx), null);
    }
}

using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using ProxyFramework.Plugins.HealthChecks;
using Xunit;

namespace ProxyFramework.HealthChecks.Tests;

public sealed class SocketCheckTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(200);

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    public async Task Tcp_is_healthy_where_someone_listens_and_not_where_nobody_does(string address)
    {
        using var server = new TcpListener(IPAddress.Parse(address), 0);
        server.Start();
        Assert.True((await Checks.Probe<TcpHealthCheck>().AskAsync(server.LocalEndpoint)).IsHealthy);
        server.Stop();
        Assert.False((await Checks.Probe<TcpHealthCheck>().AskAsync(server.LocalEndpoint)).IsHealthy);
    }

    [Fact]
    public async Task Tcp_with_an_expected_answer_sees_a_process_that_hangs_behind_its_kernel()
    {
        // Connections are completed by the kernel, and nobody accepts them.
        using var hung = new TcpListener(IPAddress.Loopback, 0);
        hung.Start();
        Assert.True((await Checks.Probe<TcpHealthCheck>().AskAsync(hung.LocalEndpoint)).IsHealthy);
        Assert.False((await Checks.Probe<TcpHealthCheck>("send=PING\\r\\n", "expect=PONG").AskAsync(hung.LocalEndpoint, Soon)).IsHealthy);
    }

    [Fact]
    public async Task Tcp_says_something_and_finds_the_expected_text_in_an_answer_in_pieces()
    {
        using var server = new TcpListener(IPAddress.Loopback, 0);
        server.Start();
        var said = "";
        var serving = Task.Run(async () =>
        {
            while (true)
            {
                using var client = await server.AcceptSocketAsync();
                client.NoDelay = true;
                var buffer = new byte[64];
                said = Encoding.ASCII.GetString(buffer, 0, await client.ReceiveAsync(buffer));
                await client.SendAsync("+PO"u8.ToArray());
                await Task.Delay(20);
                await client.SendAsync("NG\r\n"u8.ToArray());
                client.Shutdown(SocketShutdown.Send);

                // A check that has seen enough resets the connection.
                try
                {
                    await client.ReceiveAsync(buffer);
                }
                catch (SocketException)
                {
                    // As expected.
                }
            }
        });
        Assert.True((await Checks.Probe<TcpHealthCheck>("send=PING\\r\\n", "expect=+PONG").AskAsync(server.LocalEndpoint)).IsHealthy);
        Assert.Equal("PING\r\n", said);
        var other = await Checks.Probe<TcpHealthCheck>("send=PING\\r\\n", "expect=READY").AskAsync(server.LocalEndpoint);
        Assert.Equal("its answer of 7 bytes does not contain what is expected", other.Reason);
        server.Stop();
        await Assert.ThrowsAnyAsync<Exception>(() => serving);
    }

    [Fact]
    public async Task Udp_is_healthy_where_a_reply_comes()
    {
        using var server = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        var serving = Task.Run(async () =>
        {
            while (true)
            {
                var datagram = await server.ReceiveAsync();
                await server.SendAsync((byte[])[0xFF, .. datagram.Buffer], datagram.RemoteEndPoint);
            }
        });
        var address = server.Client.LocalEndPoint!;
        Assert.True((await Checks.Probe<UdpHealthCheck>().AskAsync(address)).IsHealthy);
        Assert.True((await Checks.Probe<UdpHealthCheck>("send=\\x00ping", "expect=\\xff\\x00pi").AskAsync(address)).IsHealthy);
        Assert.False((await Checks.Probe<UdpHealthCheck>("send=ping", "expect=pong").AskAsync(address)).IsHealthy);
        server.Dispose();
        await Assert.ThrowsAnyAsync<Exception>(() => serving);
        Assert.Contains("refused", (await Checks.Probe<UdpHealthCheck>().AskAsync(address)).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Udp_without_a_reply_is_not_healthy()
    {
        using var silent = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        Assert.False((await Checks.Probe<UdpHealthCheck>().AskAsync(silent.Client.LocalEndPoint!, Soon)).IsHealthy);
    }

    [Fact]
    public async Task Exec_runs_a_program_of_the_operator_with_the_endpoint_in_its_environment()
    {
        var script = Path.Combine(Path.GetTempPath(), $"check-{Guid.NewGuid():N}.sh");
        await File.WriteAllTextAsync(script, "test \"$ADDRESS:$PORT:$1\" = 127.0.0.7:8080:yes || { echo \"no, $ADDRESS\" >&2; exit 3; }\n");
        try
        {
            (string, string)[] settings = [("ask", $"/bin/sh {script} yes"), ("slow", "/bin/sleep 60")];
            var probe = Checks.Probe<ExecHealthCheck>(["command=ask"], settings);
            Assert.True((await probe.AskAsync(IPEndPoint.Parse("127.0.0.7:8080"))).IsHealthy);
            Assert.Equal("/bin/sh ended with 3: no, 127.0.0.8", (await probe.AskAsync(IPEndPoint.Parse("127.0.0.8:8080"))).Reason);

            var clock = Stopwatch.StartNew();
            Assert.False((await Checks.Probe<ExecHealthCheck>(["command=slow"], settings).AskAsync(IPEndPoint.Parse("127.0.0.7:8080"), Soon)).IsHealthy);
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(30), "the program was killed");
        }
        finally
        {
            File.Delete(script);
        }
    }

    [Fact]
    public void Exec_runs_nothing_that_a_Service_chooses()
    {
        Assert.Contains("there is no '/bin/sh' among the operator's programs", Checks.Refusal<ExecHealthCheck>("command=/bin/sh"), StringComparison.Ordinal);
        Assert.Contains("the option command is missing", Checks.Refusal<ExecHealthCheck>(), StringComparison.Ordinal);
    }

    [Fact]
    public void Options_that_are_not_known_are_refused_by_name()
    {
        Assert.Contains("no option 'colour'", Checks.Refusal<TcpHealthCheck>("colour=red"), StringComparison.Ordinal);
        Assert.Contains("no option 'colour'", Checks.Refusal<UdpHealthCheck>("colour=red"), StringComparison.Ordinal);
        Assert.Contains("no option 'verify'", Checks.Refusal<HttpHealthCheck>("verify=true"), StringComparison.Ordinal);
        Assert.Contains("'20x' is neither a status nor a range", Checks.Refusal<HttpHealthCheck>("status=20x"), StringComparison.Ordinal);
        Assert.Contains("'healthz' does not start with /", Checks.Refusal<HttpHealthCheck>("path=healthz"), StringComparison.Ordinal);
        Assert.Contains("is not a host name", Checks.Refusal<HttpHealthCheck>("host=a\r\nX: y"), StringComparison.Ordinal);
    }
}

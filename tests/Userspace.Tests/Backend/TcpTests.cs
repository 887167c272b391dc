using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using ProxyFramework.Backends.Userspace;
using Xunit;

namespace ProxyFramework.Userspace.Tests.Backend;

public sealed class TcpTests
{
    [Fact]
    public async Task Connections_are_spread_over_the_endpoints()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var servers = new Servers(3);
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Services.Make(frontend, servers.EndPoints));
        Assert.Equal(["a", "a", "b", "b", "c", "c"], (await TcpClient.AskAsync(frontend, 6)).Order());
    }

    [Fact]
    public async Task A_half_close_is_carried_through_and_the_other_direction_goes_on()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var server = new TcpServer("a", async (_, socket) =>
        {
            var received = new MemoryStream();
            var buffer = new byte[1024];
            int count;
            while ((count = await socket.ReceiveAsync(buffer)) > 0)
            {
                received.Write(buffer, 0, count);
            }

            // Only now that the client has ended its half is the answer sent.
            await socket.SendAsync(Encoding.ASCII.GetBytes($"got {Encoding.ASCII.GetString(received.ToArray())}"));
        });
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Services.Make(frontend, [server.EndPoint]));
        using var client = await TcpClient.ConnectAsync(frontend);
        await client.Socket.SendAsync("hello"u8.ToArray());
        client.Socket.Shutdown(SocketShutdown.Send);
        Assert.Equal("got hello", Encoding.ASCII.GetString(await client.ReadToEndAsync()));
        await Wait.UntilAsync(() => test.Backend.Metrics.ActiveConnections == 0, "the connection is closed on both sides");
    }

    [Fact]
    public async Task A_half_close_by_the_server_lets_the_client_go_on_sending()
    {
        await using var test = await BackendUnderTest.StartAsync();
        var received = new TaskCompletionSource<string>();
        using var server = new TcpServer("a", async (_, socket) =>
        {
            socket.Shutdown(SocketShutdown.Send);
            var buffer = new byte[16];
            var count = await socket.ReceiveAsync(buffer);
            received.SetResult(Encoding.ASCII.GetString(buffer, 0, count));
        });
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Services.Make(frontend, [server.EndPoint]));
        using var client = await TcpClient.ConnectAsync(frontend);
        Assert.Empty(await client.ReadToEndAsync());
        await client.Socket.SendAsync("late"u8.ToArray());
        Assert.Equal("late", await received.Task.WaitAsync(Wait.Limit()));
    }

    [Fact]
    public async Task Large_transfers_arrive_whole_in_both_directions_at_once()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var server = new TcpServer("a");
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Services.Make(frontend, [server.EndPoint]));
        using var client = await TcpClient.ConnectAsync(frontend);
        Assert.Equal("a", await client.ReadLineAsync());
        var sent = RandomNumberGenerator.GetBytes(16 * 1024 * 1024);
        var receiving = client.ReadToEndAsync();
        await client.Socket.SendAsync(sent, Wait.Limit());
        client.Socket.Shutdown(SocketShutdown.Send);
        var received = await receiving;
        Assert.True(sent.AsSpan().SequenceEqual(received));
    }

    [Fact]
    public async Task A_reader_that_stands_still_stops_the_sender()
    {
        await using var test = await BackendUnderTest.StartAsync();
        var go = new TaskCompletionSource();
        long received = 0;
        using var server = new TcpServer("a", async (_, socket) =>
        {
            await go.Task;
            var buffer = new byte[1024 * 1024];
            int count;
            while ((count = await socket.ReceiveAsync(buffer)) > 0)
            {
                received += count;
            }

            await socket.SendAsync("done\n"u8.ToArray());
        });
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Services.Make(frontend, [server.EndPoint]));
        using var client = await TcpClient.ConnectAsync(frontend);

        const long Total = 256 * 1024 * 1024;
        var managed = GC.GetTotalMemory(true);
        long sent = 0;
        var sending = Task.Run(async () =>
        {
            var block = new byte[64 * 1024];
            for (; Volatile.Read(ref sent) < Total; Interlocked.Add(ref sent, block.Length))
            {
                await client.Socket.SendAsync(block, Wait.Limit());
            }

            client.Socket.Shutdown(SocketShutdown.Send);
        });

        // The sender comes to a halt well before the end: all there is to take its bytes are socket buffers and one of ours.
        var before = -1L;
        await Wait.UntilAsync(
            async () =>
            {
                before = Volatile.Read(ref sent);
                await Task.Delay(200);
                return before > 0 && before == Volatile.Read(ref sent);
            },
            "the sender stands still");
        Assert.True(before < Total / 2, $"{before} bytes were taken from the sender");
        Assert.InRange(GC.GetTotalMemory(true) - managed, long.MinValue, 8 * 1024 * 1024);
        go.SetResult();
        Assert.Equal("done", await client.ReadLineAsync());
        await sending;
        Assert.Equal(Total, received);
    }

    [Fact]
    public async Task A_reset_by_the_client_reaches_the_server_as_a_reset()
    {
        await using var test = await BackendUnderTest.StartAsync();
        var error = new TaskCompletionSource<SocketError>();
        using var server = new TcpServer("a", async (_, socket) =>
        {
            try
            {
                await socket.SendAsync("a\n"u8.ToArray());
                await socket.ReceiveAsync(new byte[1]);
                error.SetResult(SocketError.Success);
            }
            catch (SocketException failure)
            {
                error.SetResult(failure.SocketErrorCode);
            }
        });
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Services.Make(frontend, [server.EndPoint]));
        using var client = await TcpClient.ConnectAsync(frontend);
        await client.ReadLineAsync();
        client.Reset();
        Assert.Equal(SocketError.ConnectionReset, await error.Task.WaitAsync(Wait.Limit()));
    }

    [Fact]
    public async Task A_reset_by_the_server_reaches_the_client_as_a_reset()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var server = new TcpServer("a", async (_, socket) =>
        {
            await socket.ReceiveAsync(new byte[16]);
            socket.LingerState = new LingerOption(true, 0);
        });
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Services.Make(frontend, [server.EndPoint]));
        using var client = await TcpClient.ConnectAsync(frontend);
        await client.Socket.SendAsync("x"u8.ToArray());
        var error = await Assert.ThrowsAsync<SocketException>(client.ReadToEndAsync);
        Assert.Equal(SocketError.ConnectionReset, error.SocketErrorCode);
    }

    [Fact]
    public async Task A_failed_connect_is_covered_by_another_endpoint()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var server = new TcpServer("a");
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Services.Make(frontend, [server.EndPoint, DeadEndPoint(), DeadEndPoint()]));
        Assert.All(await TcpClient.AskAsync(frontend, 12), name => Assert.Equal("a", name));
    }

    [Fact]
    public async Task Without_retries_a_failed_connect_resets_the_client()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var server = new TcpServer("a");
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Services.Make(frontend, [server.EndPoint, DeadEndPoint()]).With(options: ("retries", "0")));
        var outcomes = new List<string>();
        for (var request = 0; request < 4; request++)
        {
            try
            {
                outcomes.Add(await TcpClient.AskAsync(frontend));
            }
            catch (SocketException error)
            {
                outcomes.Add(error.SocketErrorCode.ToString());
            }
        }

        Assert.Equal(["a", "a", "ConnectionReset", "ConnectionReset"], outcomes.OrderBy(outcome => outcome.Length));
    }

    [Fact]
    public async Task Retries_end_when_all_endpoints_have_been_tried()
    {
        await using var test = await BackendUnderTest.StartAsync();
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Services.Make(frontend, [DeadEndPoint(), DeadEndPoint()]).With(options: ("retries", "10")));

        // The reset can come before the client has seen that it was connected.
        var error = await Assert.ThrowsAsync<SocketException>(() => TcpClient.AskAsync(frontend));
        Assert.Equal(SocketError.ConnectionReset, error.SocketErrorCode);
        Assert.Equal(2, test.Lines.Count(line => line.Contains("[102]", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task An_endpoint_that_does_not_answer_is_given_up_after_the_connect_timeout()
    {
        await using var test = await BackendUnderTest.StartAsync(settings: ("connect-timeout", "1s"));
        using var server = new TcpServer("a");

        // A listener whose queue is full ignores further connects (listen(2)), like a host that is gone.
        using var full = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        full.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        full.Listen(0);
        var target = (IPEndPoint)full.LocalEndPoint!;
        using var first = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await first.ConnectAsync(target);
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Services.Make(frontend, [server.EndPoint, target]));
        Assert.Equal(["a", "a"], await TcpClient.AskAsync(frontend, 2));
        Assert.Contains(test.Lines, line => line.Contains("did not answer in time", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Least_connections_sees_the_open_connections_across_changes_of_the_group()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var servers = new Servers(3);
        var frontend = Services.FreeFrontend();
        var service = Services.Make(frontend, servers.EndPoints.Take(2)).With(scheduler: "lc");
        await test.ApplyAsync(service);
        var held = new List<TcpClient>();
        for (var connection = 0; connection < 4; connection++)
        {
            held.Add(await TcpClient.ConnectAsync(frontend));
            await held[^1].ReadLineAsync();
        }

        // The newcomer has none, so it takes what comes until it has as many as the others, whose counts are kept.
        await test.ApplyAsync(service.With(cluster: Services.Group(servers.EndPoints)));
        for (var connection = 0; connection < 2; connection++)
        {
            held.Add(await TcpClient.ConnectAsync(frontend));
            Assert.Equal("c", await held[^1].ReadLineAsync());
        }

        held.ForEach(client => client.Dispose());
    }

    [Fact]
    public async Task Latency_is_the_time_from_what_the_client_sent_to_the_answer()
    {
        var spy = new LoadSpy();
        await using var test = await BackendUnderTest.StartAsync(schedulers: [spy]);
        using var server = new TcpServer("slow", async (_, socket) =>
        {
            // What it says unasked is no answer.
            await socket.SendAsync("hello\n"u8.ToArray());
            var buffer = new byte[64];
            int count;
            while ((count = await socket.ReceiveAsync(buffer)) > 0)
            {
                await Task.Delay(100);
                await socket.SendAsync(buffer.AsMemory(0, count));
            }
        });
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Services.Make(frontend, [server.EndPoint]).With(scheduler: spy.Name));
        using var client = await TcpClient.ConnectAsync(frontend);
        Assert.Equal("hello", await client.ReadLineAsync());
        Assert.Equal(0, spy.Loads[0].Answers.Count);
        for (var question = 1; question <= 3; question++)
        {
            await client.EchoAsync("question");
            var (count, total) = spy.Loads[0].Answers;
            Assert.Equal(question, count);
            Assert.True(total >= TimeSpan.FromMilliseconds(95 * question), $"{total} for {count} answers of 100 ms");
        }
    }

    [Fact]
    public async Task Concurrent_connections_all_get_through()
    {
        await using var test = await BackendUnderTest.StartAsync();
        test.Level = Microsoft.Extensions.Logging.LogLevel.Information;
        using var servers = new Servers(3);
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Services.Make(frontend, servers.EndPoints));
        await Task.WhenAll(Enumerable.Range(0, 64).Select(number => Task.Run(async () =>
        {
            for (var request = 0; request < 20; request++)
            {
                using var client = await TcpClient.ConnectAsync(frontend);
                await client.ReadLineAsync();
                Assert.Equal($"{number}-{request}", await client.EchoAsync($"{number}-{request}"));
            }
        })));
        await Wait.UntilAsync(() => test.Backend.Metrics.ActiveConnections == 0, "all connections are closed");
    }

    [Fact]
    public async Task IPv6_is_served()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var server = new TcpServer("six", address: IPAddress.IPv6Loopback);
        var address = InetAddress.FromIPAddress(IPAddress.IPv6Loopback);
        var frontend = (address, Services.FreePort(address));
        await test.ApplyAsync(Services.Make(frontend, [server.EndPoint]));
        Assert.Equal("six", await TcpClient.AskAsync(frontend));
    }

    [Theory]
    [InlineData("v1")]
    [InlineData("v2")]
    public async Task The_proxy_protocol_header_names_the_client_and_the_frontend(string version)
    {
        await using var test = await BackendUnderTest.StartAsync();
        var received = new TaskCompletionSource<byte[]>();
        using var server = new TcpServer("a", async (_, socket) =>
        {
            using var all = new MemoryStream();
            var buffer = new byte[1024];
            int count;
            while ((count = await socket.ReceiveAsync(buffer)) > 0)
            {
                all.Write(buffer, 0, count);
            }

            received.SetResult(all.ToArray());
        });
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Services.Make(frontend, [server.EndPoint]).With(options: ("proxy-protocol", version)));
        using var client = await TcpClient.ConnectAsync(frontend);
        await client.Socket.SendAsync("body"u8.ToArray());
        client.Socket.Shutdown(SocketShutdown.Send);
        var local = (IPEndPoint)client.Socket.LocalEndPoint!;
        byte[] expected = version == "v1"
            ? Encoding.ASCII.GetBytes($"PROXY TCP4 {local.Address} {frontend.Address} {local.Port} {frontend.Port}\r\n")
            :
            [
                .. Encoding.ASCII.GetBytes("\r\n\r\n\0\r\nQUIT\n"), 0x21, 0x11, 0, 12,
                .. local.Address.GetAddressBytes(), .. frontend.Address.ToIPAddress().GetAddressBytes(),
                (byte)(local.Port >> 8), (byte)local.Port, (byte)(frontend.Port >> 8), (byte)frontend.Port,
            ];
        var body = await received.Task.WaitAsync(Wait.Limit());
        Assert.Equal(expected.Concat(Encoding.ASCII.GetBytes("body")), body);
    }

    [Fact]
    public async Task A_line_tells_of_each_balanced_connection_and_none_is_made_when_nobody_listens_to_it()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var server = new TcpServer("a");
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Services.Make(frontend, [server.EndPoint]));
        using var client = await TcpClient.ConnectAsync(frontend);
        await client.ReadLineAsync();
        var balanced = $"Debug ProxyFramework.Backends.Userspace.Traffic[100] default/web {client.Socket.LocalEndPoint} → {server.EndPoint} from ";
        Assert.Contains(test.Lines, line => line.StartsWith(balanced, StringComparison.Ordinal));
        test.Lines.Clear();
        test.Level = Microsoft.Extensions.Logging.LogLevel.Information;
        await TcpClient.AskAsync(frontend);
        Assert.Empty(test.Lines);
    }

    [Fact]
    public void A_connection_that_met_itself_is_told_from_one_to_an_endpoint()
    {
        // The source port is chosen here, as the kernel could choose it.
        using var alone = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        alone.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var port = (ushort)((IPEndPoint)alone.LocalEndPoint!).Port;
        alone.Connect(IPAddress.Loopback, port);
        Assert.True(new EndpointTarget(InetAddress.Parse("127.0.0.1"), port).HasItselfAsPeer(alone));
        using var server = new TcpServer("a");
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        client.Connect(server.EndPoint);
        Assert.False(new EndpointTarget(InetAddress.Parse("127.0.0.1"), (ushort)server.EndPoint.Port).HasItselfAsPeer(client));
    }

    private static IPEndPoint DeadEndPoint() => Services.FreeFrontend().ToEndPoint();
}

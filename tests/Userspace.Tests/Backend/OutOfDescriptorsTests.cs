using System.Net.Sockets;
using Xunit;

namespace ProxyFramework.Userspace.Tests.Backend;

/// <summary>Tests that leave their whole process without a file descriptor for a while: no other test runs beside them.</summary>
[CollectionDefinition(nameof(OutOfDescriptors), DisableParallelization = true)]
public sealed class OutOfDescriptors;

/// <summary>What a lack of file descriptors does to new connections.</summary>
[Collection(nameof(OutOfDescriptors))]
public sealed class OutOfDescriptorsTests
{
    [Fact]
    public async Task Accepting_survives_a_lack_of_descriptors()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var server = new TcpServer("a");
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Services.Make(frontend, [server.EndPoint]));
        Assert.Equal("a", await TcpClient.AskAsync(frontend));
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        OpenFiles.WithNoneLeft(_ =>
        {
            client.Connect(frontend.ToEndPoint());
            Wait.UntilAsync(
                () => test.Lines.Any(line => line.Contains("out of file descriptors", StringComparison.Ordinal)),
                "the lack is reported").GetAwaiter().GetResult();
        });

        var buffer = new byte[2];
        Assert.Equal(2, await client.ReceiveAsync(buffer, Wait.Limit()));
        Assert.Single(test.Lines, line => line.Contains("out of file descriptors", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_connection_that_was_accepted_with_the_last_descriptor_waits_for_another_one_and_is_served()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var server = new TcpServer("a");
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Services.Make(frontend, [server.EndPoint]).With(options: ("retries", "0")));
        Assert.Equal("a", await TcpClient.AskAsync(frontend));
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        OpenFiles.WithNoneLeft(free =>
        {
            client.Connect(frontend.ToEndPoint());
            free();
            Wait.UntilAsync(() => test.Backend.Metrics.ActiveConnections == 1, "the connection is accepted").GetAwaiter().GetResult();
        });
        Assert.Equal(2, await client.ReceiveAsync(new byte[2], Wait.Limit()));
        Assert.DoesNotContain(test.Lines, line => line.Contains("[102]", StringComparison.Ordinal));
    }
}

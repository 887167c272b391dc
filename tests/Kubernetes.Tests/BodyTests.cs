using System.Text;
using System.Text.Json;
using CsCheck;
using ProxyFramework.Sources.Kubernetes;

namespace ProxyFramework.Kubernetes.Tests;

/// <summary>Bodies come in pieces that have nothing to do with what is in them.</summary>
public sealed class BodyTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    private const string List = """
        {"kind":"ServiceList","apiVersion":"v1","extra":[1,{"a":"]"}],"metadata":{"resourceVersion":"42","continue":"ab\"c"},"items":[{"a":1},{"b":"}]\\\"é"},{}],"more":null}
        """;

    private const string Watch = """
        {"type":"ADDED","object":{"metadata":{"resourceVersion":"7"},"x":"\n}"}}
        {"object":{"metadata":{"annotations":{"k8s.io/initial-events-end":"true","b":{}},"resourceVersion":"8"}},"type":"BOOKMARK"}
        {"type":"DELETED","object":{"metadata":{"x":[{}],"resourceVersion":"9"}}}

        """;

    [Fact]
    public Task A_list_reads_the_same_however_it_is_cut() => Gen.Int[1, 40].Array[1, 30].SampleAsync(
        async sizes =>
        {
            var items = new List<string>();
            var metadata = await ReadListAsync(Encoding.UTF8.GetBytes(List), sizes, items);
            Assert.Equal(["""{"a":1}""", """{"b":"}]\\\"é"}""", "{}"], items);
            Assert.Equal(("42", "ab\"c"), (metadata.ResourceVersion, metadata.Continue));
        },
        iter: 500);

    [Fact]
    public async Task A_list_that_ends_too_early_is_an_error_wherever_it_ends()
    {
        for (var length = 0; length < Encoding.UTF8.GetByteCount(List.TrimEnd()); length++)
        {
            var part = Encoding.UTF8.GetBytes(List)[..length];
            await Assert.ThrowsAnyAsync<JsonException>(() => ReadListAsync(part, [16], []));
        }
    }

    [Fact]
    public Task A_watch_reads_the_same_however_it_is_cut() => Gen.Int[1, 60].Array[1, 30].SampleAsync(
        async sizes =>
        {
            var events = new List<string>();
            await ReadWatchAsync(Encoding.UTF8.GetBytes(Watch), sizes, events);
            Assert.Equal(["Upserted 7 False", "Bookmark 8 True", "Deleted 9 False"], events);
        },
        iter: 500);

    [Fact]
    public async Task Of_a_watch_that_is_cut_the_events_before_count_and_the_rest_is_an_error()
    {
        var bytes = Encoding.UTF8.GetBytes(Watch.TrimEnd() + "\n");
        var ends = new HashSet<int> { 0 };
        for (var i = 0; i < bytes.Length; i++)
        {
            if (bytes[i] == '\n')
            {
                ends.Add(i + 1);
            }
        }

        for (var length = 0; length < bytes.Length; length++)
        {
            var events = new List<string>();
            var part = bytes[..length];
            if (ends.Contains(length))
            {
                await ReadWatchAsync(part, [16], events);
            }
            else
            {
                await Assert.ThrowsAnyAsync<JsonException>(() => ReadWatchAsync(part, [16], events));
            }

            Assert.Equal(ends.Count(end => end > 0 && end <= length), events.Count);
        }
    }

    [Fact]
    public async Task A_large_object_makes_the_buffer_grow()
    {
        var large = new string('x', 1_500_000);
        var events = new List<string>();
        await ReadWatchAsync(
            Encoding.UTF8.GetBytes($$$"""{"type":"ADDED","object":{"metadata":{"resourceVersion":"1"},"x":"{{{large}}}"}}""" + "\n" + Watch), [8192], events);

        Assert.Equal(4, events.Count);
    }

    [Theory]
    [InlineData("[]\n")]
    [InlineData("{\"type\":\"ADDED\"}\n")]
    [InlineData("{\"type\":1,\"object\":{}}\n")]
    [InlineData("{\"type\":\"ADDED\",\"object\":{}} {\"type\":\"ADDED\",\"object\":{}}\n")]
    [InlineData("garbage\n")]
    public Task What_is_no_event_is_an_error(string text) =>
        Assert.ThrowsAnyAsync<JsonException>(() => ReadWatchAsync(Encoding.UTF8.GetBytes(text), [100], []));

    [Fact]
    public void Waits_double_up_to_thirty_seconds_and_start_afresh_after_a_success()
    {
        var delays = new RetryDelays(new Random(1));
        for (var i = 0; i < 20; i++)
        {
            var expected = Math.Min(0.2 * Math.Pow(2, i), 30);
            Assert.InRange(delays.Next(null).TotalSeconds, expected * 0.5, expected * 1.5);
        }

        delays.Reset();
        Assert.InRange(delays.Next(null).TotalSeconds, 0.1, 0.3);
        Assert.InRange(delays.Next(TimeSpan.FromSeconds(10)).TotalSeconds, 10, 11);
        Assert.InRange(delays.Next(TimeSpan.FromDays(10)).TotalSeconds, 300, 301);
    }

    private static async Task<JsonPeek.Metadata> ReadListAsync(byte[] bytes, int[] sizes, List<string> items)
    {
        await using var buffer = new ReceiveBuffer(new Pieces(bytes, sizes));
        var body = new ListBody(buffer);
        while (!body.IsComplete)
        {
            await buffer.FillAsync(Limit, CancellationToken.None);
            body.Read(json => items.Add(Encoding.UTF8.GetString(json)));
        }

        return body.Metadata;
    }

    private static async Task ReadWatchAsync(byte[] bytes, int[] sizes, List<string> events)
    {
        await using var buffer = new ReceiveBuffer(new Pieces(bytes, sizes));
        var body = new WatchBody(buffer);
        while (!buffer.IsAtEnd)
        {
            await buffer.FillAsync(Limit, CancellationToken.None);
            body.Read((type, json) =>
            {
                var metadata = JsonPeek.OfObject(json);
                events.Add($"{type} {metadata.ResourceVersion} {metadata.EndsInitialEvents}");
            });
        }
    }

    /// <summary>A stream that gives so many bytes at once and no more.</summary>
    private sealed class Pieces(byte[] bytes, int[] sizes) : MemoryStream(bytes)
    {
        private int _next;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(buffer.Length, sizes[_next++ % sizes.Length])], cancellationToken);
    }
}

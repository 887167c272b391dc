using CsCheck;
using ProxyFramework.Host.CommandLine;

namespace ProxyFramework.Host.Tests;

public class GoDurationTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("30s", 30_000)]
    [InlineData("1m30s", 90_000)]
    [InlineData("100ms", 100)]
    [InlineData("1.5h", 5_400_000)]
    [InlineData(".5s", 500)]
    [InlineData("1h1m1s1ms", 3_661_001)]
    public void Durations_are_read_as_Go_reads_them(string text, double milliseconds)
    {
        Assert.True(GoDuration.TryParse(text, out var duration));
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), duration);
    }

    [Theory]
    [InlineData("")]
    [InlineData("5")]
    [InlineData("s")]
    [InlineData("-1s")]
    [InlineData("1 s")]
    [InlineData("1.2.3s")]
    [InlineData("1d")]
    [InlineData("00:00:30")]
    [InlineData("99999999999999999999h")]
    public void What_is_not_a_duration_is_refused(string text) => Assert.False(GoDuration.TryParse(text, out _));

    [Fact]
    public void What_is_written_is_read_again_the_same() =>
        Gen.Long[0, TimeSpan.FromDays(400).Ticks].Select(ticks => TimeSpan.FromTicks(ticks)).Sample(duration =>
            GoDuration.TryParse(GoDuration.Format(duration), out var read) && read == duration);
}

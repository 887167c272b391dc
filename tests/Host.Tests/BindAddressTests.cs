using ProxyFramework.Host.CommandLine;

namespace ProxyFramework.Host.Tests;

public class BindAddressTests
{
    [Theory]
    [InlineData("0.0.0.0:10256", "0.0.0.0:10256")]
    [InlineData("127.0.0.1", "127.0.0.1:99")]
    [InlineData("[::1]:80", "[::1]:80")]
    [InlineData("::1", "[::1]:99")]
    [InlineData("[::]", "[::]:99")]
    [InlineData(":10249", ":10249")]
    [InlineData("127.0.0.1:0", "127.0.0.1:0")]
    public void Addresses_are_read_in_every_form_that_kube_proxy_takes(string text, string expected)
    {
        Assert.True(BindAddress.TryParse(text, 99, out var address));
        Assert.Equal(expected, address!.ToString());
    }

    [Theory]
    [InlineData("localhost:80")]
    [InlineData("127.0.0.1:")]
    [InlineData("127.0.0.1:65536")]
    [InlineData("[127.0.0.1]:80")]
    [InlineData("300.0.0.1:80")]
    public void Other_texts_are_refused(string text) => Assert.False(BindAddress.TryParse(text, 99, out _));

    [Fact]
    public void Nothing_switches_the_server_off()
    {
        Assert.True(BindAddress.TryParse("", 99, out var address));
        Assert.Null(address);
    }
}

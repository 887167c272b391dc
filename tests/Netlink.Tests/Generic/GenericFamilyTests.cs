using ProxyFramework.Netlink.Generic;
using Xunit;

namespace ProxyFramework.Netlink.Tests.Generic;

public sealed class GenericFamilyTests
{
    [Fact]
    public void A_family_is_found_by_its_name()
    {
        using var connection = NetlinkConnection.Open(NetlinkProtocol.Generic);

        var controller = GenericFamily.Find(connection, "nlctrl");

        Assert.Equal(new GenericFamily("nlctrl", 16, 2), controller);
    }

    [Fact]
    public void A_name_that_no_family_has_is_none_and_the_next_request_works()
    {
        using var connection = NetlinkConnection.Open(NetlinkProtocol.Generic);

        Assert.Null(GenericFamily.Find(connection, "no-such-family"));
        Assert.NotNull(GenericFamily.Find(connection, "nlctrl"));
    }

    [Fact]
    public void A_refused_request_is_named_by_its_command()
    {
        using var connection = NetlinkConnection.Open(NetlinkProtocol.Generic);

        var refused = Assert.Throws<NetlinkException>(() => GenericFamily.Find(connection, "longer-than-a-family-name"));

        Assert.Equal("CTRL_CMD_GETFAMILY", refused.Error!.Request);
    }
}

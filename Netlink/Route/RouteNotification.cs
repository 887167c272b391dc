namespace ProxyFramework.Netlink.Route;

/// <summary>A change that rtnetlink reports; which one is its type.</summary>
public abstract record RouteNotification
{
    private RouteNotification()
    {
    }

    /// <summary>Notifications were lost: dump again what you keep.</summary>
    public sealed record Overrun : RouteNotification;

    /// <summary>A network interface came, changed or went.</summary>
    /// <param name="Link">The interface.</param>
    /// <param name="Deleted">Whether it went.</param>
    public sealed record LinkChange(Link Link, bool Deleted) : RouteNotification;

    /// <summary>An address came, changed or went.</summary>
    /// <param name="Address">The address.</param>
    /// <param name="Deleted">Whether it went.</param>
    public sealed record AddressChange(InterfaceAddress Address, bool Deleted) : RouteNotification;

    /// <summary>A route came, changed or went.</summary>
    /// <param name="Route">The route.</param>
    /// <param name="Deleted">Whether it went.</param>
    public sealed record RouteChange(IpRoute Route, bool Deleted) : RouteNotification;

    /// <summary>A routing rule came or went.</summary>
    /// <param name="Rule">The rule.</param>
    /// <param name="Deleted">Whether it went.</param>
    public sealed record RuleChange(RoutingRule Rule, bool Deleted) : RouteNotification;
}

namespace ProxyFramework.Netlink.Route;

/// <summary>What a rule of the routing policy does: <c>FR_ACT_*</c> (linux/fib_rules.h).</summary>
public enum RoutingRuleAction : byte
{
    /// <summary><c>FR_ACT_UNSPEC</c>.</summary>
    Unspecified = 0,

    /// <summary><c>FR_ACT_TO_TBL</c>: look into a table.</summary>
    Table = 1,

    /// <summary><c>FR_ACT_GOTO</c>: go on at another rule.</summary>
    Goto = 2,

    /// <summary><c>FR_ACT_NOP</c>: nothing.</summary>
    Nop = 3,

    /// <summary><c>FR_ACT_BLACKHOLE</c>: drop silently.</summary>
    Blackhole = 6,

    /// <summary><c>FR_ACT_UNREACHABLE</c>: answer "unreachable".</summary>
    Unreachable = 7,

    /// <summary><c>FR_ACT_PROHIBIT</c>: answer "prohibited".</summary>
    Prohibit = 8,
}

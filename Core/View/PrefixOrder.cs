namespace ProxyFramework.Core.View;

/// <summary>Orders ranges by address, the wider before the narrower.</summary>
internal sealed class PrefixOrder : IComparer<InetPrefix>
{
    public static PrefixOrder Instance { get; } = new();

    public int Compare(InetPrefix x, InetPrefix y)
    {
        var byAddress = x.Address.CompareTo(y.Address);
        return byAddress != 0 ? byAddress : x.Length.CompareTo(y.Length);
    }
}

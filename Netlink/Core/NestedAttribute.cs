namespace ProxyFramework.Netlink;

/// <summary>An attribute that is open in a <see cref="NetlinkWriter"/>; disposing of it fills in its length.</summary>
public readonly ref struct NestedAttribute
{
    private readonly NetlinkWriter _writer;
    private readonly int _start;

    internal NestedAttribute(NetlinkWriter writer, int start)
    {
        _writer = writer;
        _start = start;
    }

    /// <summary>Ends the attribute.</summary>
    public void Dispose() => _writer.EndNested(_start);
}

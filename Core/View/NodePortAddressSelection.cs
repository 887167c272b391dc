using System.Collections.Immutable;
using ProxyFramework.Core.Objects;

namespace ProxyFramework.Core.View;

/// <summary>
/// Which of this machine's addresses serve node ports (<c>--nodeport-addresses</c>). Immutable. The default selects every address
/// that is neither loopback nor link-local.
/// </summary>
public sealed record NodePortAddressSelection
{
    /// <summary>Stands for the Node object's first InternalIP of each family.</summary>
    public const string PrimaryKeyword = "primary";

    /// <summary>Stands for this machine's loopback addresses.</summary>
    public const string LocalhostKeyword = "localhost";

    /// <summary>Every address that is neither loopback nor link-local.</summary>
    public static NodePortAddressSelection Default { get; } = new();

    /// <summary>Ranges whose addresses are selected. Loopback and link-local addresses only by a range that begins with one.</summary>
    public ImmutableArray<InetPrefix> Cidrs { get; init; } = [];

    /// <summary>Whether <see cref="PrimaryKeyword"/> is among the values. Selects nothing until the Node object is known.</summary>
    public bool Primary { get; init; }

    /// <summary>Whether <see cref="LocalhostKeyword"/> is among the values.</summary>
    public bool Localhost { get; init; }

    /// <summary>Whether nothing was chosen, so that the default applies.</summary>
    public bool IsDefault => Cidrs.IsEmpty && !Primary && !Localhost;

    /// <summary>Reads the values of <c>--nodeport-addresses</c>.</summary>
    /// <param name="values">CIDRs and keywords.</param>
    /// <param name="problems">A sentence for each value that is neither; that value is left out of the result.</param>
    public static NodePortAddressSelection Parse(IEnumerable<string> values, out ImmutableArray<string> problems)
    {
        ArgumentNullException.ThrowIfNull(values);
        var cidrs = new SortedSet<InetPrefix>(PrefixOrder.Instance);
        var wrong = ImmutableArray.CreateBuilder<string>();
        bool primary = false, localhost = false;
        foreach (var value in values)
        {
            switch (value)
            {
                case PrimaryKeyword:
                    primary = true;
                    break;
                case LocalhostKeyword:
                    localhost = true;
                    break;
                default:
                    if (InetPrefix.TryParse(value, out var cidr))
                    {
                        cidrs.Add(cidr);
                    }
                    else
                    {
                        wrong.Add($"'{value}' is neither a CIDR (192.0.2.0/24) nor '{PrimaryKeyword}' nor '{LocalhostKeyword}'");
                    }

                    break;
            }
        }

        problems = wrong.ToImmutable();
        return new NodePortAddressSelection { Cidrs = [.. cidrs], Primary = primary, Localhost = localhost };
    }

    /// <summary>The selected addresses, ordered, without duplicates.</summary>
    /// <param name="interfaceAddresses">This machine's addresses.</param>
    /// <param name="node">This node's object; null where it is not known.</param>
    /// <param name="isServiceAddress">Whether an address is on this machine for a service's sake. The Node object's own always stay.</param>
    internal ImmutableArray<InetAddress> Select(
        ImmutableArray<InetAddress> interfaceAddresses, Node? node, Func<InetAddress, bool> isServiceAddress)
    {
        var selected = new SortedSet<InetAddress>();
        foreach (var address in interfaceAddresses)
        {
            if (Selects(address) && ((node is not null && node.Addresses.Contains(address)) || !isServiceAddress(address)))
            {
                selected.Add(address);
            }
        }

        if (Primary && node is not null)
        {
            foreach (var family in (ReadOnlySpan<IPFamily>)[IPFamily.IPv4, IPFamily.IPv6])
            {
                foreach (var address in node.Addresses)
                {
                    if (address.Family == family)
                    {
                        selected.Add(address);
                        break;
                    }
                }
            }
        }

        return [.. selected];
    }

    private bool Selects(InetAddress address)
    {
        if (IsDefault)
        {
            return !address.IsLoopback && !address.IsLinkLocal;
        }

        if (Localhost && address.IsLoopback)
        {
            return true;
        }

        foreach (var cidr in Cidrs)
        {
            // 0.0.0.0/0 means "all", which must not open node ports on loopback addresses (CVE-2020-8558 and its kin).
            if (cidr.Contains(address)
                && (!address.IsLoopback || cidr.Address.IsLoopback)
                && (!address.IsLinkLocal || cidr.Address.IsLinkLocal))
            {
                return true;
            }
        }

        return false;
    }
}

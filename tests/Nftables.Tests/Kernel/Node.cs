using System.Text.RegularExpressions;
using ProxyFramework.Backends.Nftables;
using ProxyFramework.Testing;

namespace ProxyFramework.Nftables.Tests.Kernel;

/// <summary>A node with the backend.</summary>
internal sealed partial class Node : BackendNode<NftablesBackend>
{
    public Node()
        : base(new Schedulers()) =>
        State = new() { NodePortAddresses = [InetAddress.Parse("192.0.2.1"), InetAddress.Parse("2001:db8::1")] };

    /// <summary>What <c>nft</c> says of all rules, in an order that does not depend on the kernel's hash tables.</summary>
    public string List()
    {
        var listing = Namespace.Exec("nft", "list", "ruleset");
        listing = Elements().Replace(listing, match => "elements = { " + string.Join(", ", match.Groups[1].Value
            .Split(',', StringSplitOptions.TrimEntries).Order(StringComparer.Ordinal)) + " }");
        var tables = listing.Split("\n}\n", StringSplitOptions.RemoveEmptyEntries).Select(table =>
            string.Join("\n\t", Blocks().Split(table).Select(static (block, index) => (Text: block.TrimEnd(), IsHeader: index == 0))
                .OrderByDescending(static block => block.IsHeader).ThenBy(static block => block.Text, StringComparer.Ordinal).Select(static block => block.Text)));
        return string.Join("\n}\n", tables.Order(StringComparer.Ordinal));
    }

    [GeneratedRegex(@"elements = \{([^}]*)\}")]
    private static partial Regex Elements();

    [GeneratedRegex(@"\n\t(?=set |map |chain )")]
    private static partial Regex Blocks();
}

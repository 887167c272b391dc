using System.Collections.Immutable;
using ProxyFramework.Netlink.NfTables;

namespace ProxyFramework.Backends.Nftables.Layout;

/// <summary>A chain with its rules; with a <see cref="NftBaseChain"/> packets enter it by themselves.</summary>
internal sealed record Chain(string Name, NftBaseChain? Base, ImmutableArray<ImmutableArray<Statement>> Rules);

using System.Collections.Immutable;

namespace ProxyFramework.Plugins.Schedulers;

/// <summary>Picks from a table of slots by the hash of a part of the connection. Immutable.</summary>
internal sealed class HashedSlotsPicker(ImmutableArray<ushort> slots, HashedPart part) : IEndpointPicker
{
    public int Pick(in ConnectionKey connection) => slots[(int)(StableHash.Of(connection, part) % (uint)slots.Length)];
}

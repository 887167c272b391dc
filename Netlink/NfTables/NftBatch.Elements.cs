using System.Runtime.InteropServices;
using static ProxyFramework.Netlink.NetlinkHeader;
using static ProxyFramework.Netlink.NfTables.NfTablesHeader;

namespace ProxyFramework.Netlink.NfTables;

/// <content>Elements: the hot path. Those for the same set share a message as long as they fit its 16-bit length.</content>
public sealed partial class NftBatch
{
    /// <summary>More than any element takes: two keys and data of 64 bytes, user data of 256, names of chains of 256, and headers.</summary>
    private const int MaxElement = 1024;

    private readonly List<ElementMessage> _elementMessages = [];
    private NftSet? _openSet;
    private ushort _openMessage;
    private int _openList;

    /// <summary>How many elements were added and deleted so far; <see cref="NftError.Element"/> counts them from 0 in this order.</summary>
    public int ElementCount { get; private set; }

    /// <summary><c>add element</c> to a set. One that is there already stays as it is.</summary>
    /// <param name="set">The set.</param>
    /// <param name="key">As many bytes as the key's type has, fields of a concatenation padded to 4 each.</param>
    /// <param name="comment">What <c>nft list</c> shows as its comment, or nothing; at most 253 bytes.</param>
    /// <param name="timeout">When it goes, or zero; for sets with the flag <c>Timeout</c>. Milliseconds.</param>
    /// <exception cref="ArgumentException">The key has another size.</exception>
    public void AddElement(NftSet set, ReadOnlySpan<byte> key, ReadOnlySpan<char> comment = default, TimeSpan timeout = default)
    {
        var element = BeginElement(NFT_MSG_NEWSETELEM, set, key, comment, timeout);
        EndElement(element, comment);
    }

    /// <summary><c>add element</c> to a map. Where the key is there already with other data, the batch is refused with <c>EEXIST</c>.</summary>
    /// <param name="map">The map.</param>
    /// <param name="key">As many bytes as the key's type has, fields of a concatenation padded to 4 each.</param>
    /// <param name="data">As many bytes as the data's type has, fields of a concatenation padded to 4 each.</param>
    /// <param name="comment">What <c>nft list</c> shows as its comment, or nothing; at most 253 bytes.</param>
    /// <param name="timeout">When it goes, or zero; for maps with the flag <c>Timeout</c>. Milliseconds.</param>
    /// <exception cref="ArgumentException">Key or data have another size.</exception>
    public void AddElement(
        NftSet map, ReadOnlySpan<byte> key, ReadOnlySpan<byte> data, ReadOnlySpan<char> comment = default, TimeSpan timeout = default)
    {
        ArgumentNullException.ThrowIfNull(map);
        if (map.DataType is not { IsVerdict: false } type || data.Length != type.Size)
        {
            throw new ArgumentException($"map {map.Name} takes data of {map.DataType?.Size} bytes, not {data.Length}", nameof(data));
        }

        var element = BeginElement(NFT_MSG_NEWSETELEM, map, key, comment, timeout);
        var nested = _writer.BeginNested(NFTA_SET_ELEM_DATA);
        _writer.Attribute(NFTA_DATA_VALUE, data);
        _writer.EndNested(nested);
        EndElement(element, comment);
    }

    /// <summary><c>add element</c> to a verdict map. The kernel then checks all that can be reached from its chains, in O(elements).</summary>
    /// <inheritdoc cref="AddElement(NftSet, ReadOnlySpan{byte}, ReadOnlySpan{byte}, ReadOnlySpan{char}, TimeSpan)"/>
    public void AddElement(
        NftSet map, ReadOnlySpan<byte> key, NftVerdict verdict, ReadOnlySpan<char> comment = default, TimeSpan timeout = default)
    {
        var element = BeginElement(NFT_MSG_NEWSETELEM, map, key, comment, timeout);
        var nested = _writer.BeginNested(NFTA_SET_ELEM_DATA);
        verdict.Write(_writer);
        _writer.EndNested(nested);
        EndElement(element, comment);
    }

    /// <summary><c>add element</c> of all keys between two, both included, to a set with the flag <c>Interval</c>.</summary>
    /// <param name="set">The set; a concatenation has an interval in each field.</param>
    /// <param name="first">The first key.</param>
    /// <param name="last">The last key.</param>
    /// <param name="comment">What <c>nft list</c> shows as its comment, or nothing; at most 253 bytes.</param>
    /// <exception cref="ArgumentException">A key has another size.</exception>
    public void AddInterval(NftSet set, ReadOnlySpan<byte> first, ReadOnlySpan<byte> last, ReadOnlySpan<char> comment = default) =>
        WriteInterval(NFT_MSG_NEWSETELEM, set, first, last, comment);

    /// <summary><c>delete element</c> of an interval, exactly as it was added.</summary>
    /// <inheritdoc cref="AddInterval"/>
    public void DeleteInterval(NftSet set, ReadOnlySpan<byte> first, ReadOnlySpan<byte> last) =>
        WriteInterval(NFT_MSG_DELSETELEM, set, first, last, default);

    /// <summary><c>delete element</c>. Where it is not there, the batch is refused with <c>ENOENT</c>.</summary>
    /// <exception cref="ArgumentException">The key has another size.</exception>
    public void DeleteElement(NftSet set, ReadOnlySpan<byte> key)
    {
        var element = BeginElement(NFT_MSG_DELSETELEM, set, key, default, default);
        EndElement(element, default);
    }

    /// <summary>Which change the kernel refused: the element, where it named one, as its offset in the message tells.</summary>
    internal NftError Locate(NetlinkError error)
    {
        foreach (var message in CollectionsMarshal.AsSpan(_elementMessages))
        {
            if (message.Index == error.MessageIndex)
            {
                return new NftError(error, message.Set, Element(message, error.Offset));
            }
        }

        return new NftError(error, null, null);
    }

    private int? Element(ElementMessage message, int? offset)
    {
        if (offset is null)
        {
            return message.Count == 1 ? message.FirstElement : null;
        }

        var bytes = _writer.Written[message.Start..];
        var at = message.List - message.Start + NLA_HDRLEN;
        var end = message.List - message.Start + MemoryMarshal.Read<ushort>(bytes[(message.List - message.Start)..]);
        for (var part = 0; at < end; part++)
        {
            var length = Align(MemoryMarshal.Read<ushort>(bytes[at..]));
            if (offset >= at && offset < at + length)
            {
                return message.FirstElement + (part / message.PartsPerElement);
            }

            at += length;
        }

        return null;
    }

    /// <summary>Checks everything before it writes, so that a refused element leaves the batch as it was.</summary>
    private int BeginElement(ushort message, NftSet set, ReadOnlySpan<byte> key, ReadOnlySpan<char> comment, TimeSpan timeout)
    {
        ArgumentNullException.ThrowIfNull(set);
        CheckKey(set, key);
        NftUserData.CommentSize(comment);
        OpenElements(message, set, partsPerElement: 1);
        ElementCount++;
        var element = _writer.BeginNested(NFTA_LIST_ELEM);
        if (timeout > TimeSpan.Zero)
        {
            _writer.U64BigEndian(NFTA_SET_ELEM_TIMEOUT, (ulong)timeout.TotalMilliseconds);
        }

        WriteKey(NFTA_SET_ELEM_KEY, key);
        return element;
    }

    private void EndElement(int element, ReadOnlySpan<char> comment)
    {
        if (!comment.IsEmpty)
        {
            NftUserData.WriteComment(_writer, NFTA_SET_ELEM_USERDATA, NftUserData.NFTNL_UDATA_SET_ELEM_COMMENT, comment);
        }

        _writer.EndNested(element);
    }

    private void WriteInterval(ushort message, NftSet set, ReadOnlySpan<byte> first, ReadOnlySpan<byte> last, ReadOnlySpan<char> comment)
    {
        ArgumentNullException.ThrowIfNull(set);
        CheckKey(set, first);
        CheckKey(set, last);
        NftUserData.CommentSize(comment);
        int element;
        if (set.AllFlags.HasFlag(NftSetFlags.Concatenation))
        {
            element = BeginElement(message, set, first, comment, default);
            WriteKey(NFTA_SET_ELEM_KEY_END, last);
            EndElement(element, comment);
            return;
        }

        // Without a concatenation an interval is its first key and, marked as an end, the key behind its last.
        Span<byte> behind = stackalloc byte[last.Length];
        last.CopyTo(behind);
        var hasEnd = Increment(behind);
        OpenElements(message, set, partsPerElement: hasEnd ? 2 : 1);
        ElementCount++;
        element = _writer.BeginNested(NFTA_LIST_ELEM);
        WriteKey(NFTA_SET_ELEM_KEY, first);
        EndElement(element, comment);
        if (hasEnd)
        {
            element = _writer.BeginNested(NFTA_LIST_ELEM);
            _writer.U32BigEndian(NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
            WriteKey(NFTA_SET_ELEM_KEY, behind);
            _writer.EndNested(element);
        }
    }

    private void WriteKey(ushort attribute, ReadOnlySpan<byte> key)
    {
        var nested = _writer.BeginNested(attribute);
        _writer.Attribute(NFTA_DATA_VALUE, key);
        _writer.EndNested(nested);
    }

    private void OpenElements(ushort message, NftSet set, int partsPerElement)
    {
        if (ReferenceEquals(_openSet, set) && _openMessage == message && _writer.Length - _openList < ushort.MaxValue - MaxElement
            && CollectionsMarshal.AsSpan(_elementMessages)[^1].PartsPerElement == partsPerElement)
        {
            return;
        }

        BeginMessage(message, set.Table.Family, message == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : (ushort)0);
        var start = _writer.Length - _writer.CurrentMessageLength;
        _writer.String(NFTA_SET_ELEM_LIST_TABLE, set.Table.Name);
        _writer.String(NFTA_SET_ELEM_LIST_SET, set.Name);
        _openList = _writer.BeginNested(NFTA_SET_ELEM_LIST_ELEMENTS);
        _openSet = set;
        _openMessage = message;
        _elementMessages.Add(new ElementMessage(_writer.MessageCount - 1, set, start, _openList, ElementCount, partsPerElement, 0));
    }

    private void CloseElements()
    {
        if (_openSet is null)
        {
            return;
        }

        _writer.EndNested(_openList);
        _writer.EndMessage();
        _openSet = null;
        ref var message = ref CollectionsMarshal.AsSpan(_elementMessages)[^1];
        message = message with { Count = ElementCount - message.FirstElement };
    }

    private void ResetElements()
    {
        _elementMessages.Clear();
        _openSet = null;
        ElementCount = 0;
    }

    private static void CheckKey(NftSet set, ReadOnlySpan<byte> key)
    {
        if (key.Length != set.KeyType.Size)
        {
            throw new ArgumentException($"set {set.Name} takes keys of {set.KeyType.Size} bytes, not {key.Length}", nameof(key));
        }
    }

    /// <summary>The next number in network order.</summary>
    /// <returns>False where there is none.</returns>
    private static bool Increment(Span<byte> number)
    {
        for (var at = number.Length - 1; at >= 0; at--)
        {
            if (++number[at] != 0)
            {
                return true;
            }
        }

        return false;
    }

    /// <param name="Index">The message's position in the batch.</param>
    /// <param name="Set">The set that it changes.</param>
    /// <param name="Start">Where the message begins in the buffer.</param>
    /// <param name="List">Where the list of elements begins in the buffer.</param>
    /// <param name="FirstElement">The number of its first element in the batch.</param>
    /// <param name="PartsPerElement">How many attributes an element takes: two for an interval with an end.</param>
    /// <param name="Count">How many elements it has.</param>
    private readonly record struct ElementMessage(
        int Index, NftSet Set, int Start, int List, int FirstElement, int PartsPerElement, int Count);
}

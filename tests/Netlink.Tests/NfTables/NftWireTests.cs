using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using ProxyFramework.Netlink.NfTables;
using Xunit;

namespace ProxyFramework.Netlink.Tests.NfTables;

/// <summary>The library's messages against those that Debian's nft sends for the same rule set (Fixtures/capture.sh).</summary>
public sealed class NftWireTests
{
    [Fact]
    public void A_batch_is_what_nft_sends_for_the_same_ruleset()
    {
        var captured = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Fixtures", "services.hex"))
            .Select(line => Describe(Convert.FromHexString(line)))
            .ToArray();
        using var batch = new NftBatch();
        ServicesRuleset.Write(batch);
        batch.End();

        var ours = Split(batch.Writer.Written).Select(Describe).ToArray();

        for (var index = 0; index < Math.Min(ours.Length, captured.Length); index++)
        {
            Assert.Equal(captured[index], ours[index]);
        }

        Assert.Equal(captured.Length, ours.Length);
    }

    private static List<byte[]> Split(ReadOnlySpan<byte> messages)
    {
        var list = new List<byte[]>();
        while (!messages.IsEmpty)
        {
            var length = MemoryMarshal.Read<int>(messages);
            list.Add(messages[..length].ToArray());
            messages = messages[NetlinkHeader.Align(length)..];
        }

        return list;
    }

    /// <summary>A message as text, without what is free: sequence numbers, the request for an answer, and what nft repeats or leaves out.</summary>
    private static string Describe(byte[] bytes)
    {
        var reader = new NetlinkReader(bytes);
        Assert.True(reader.TryRead(out var message));
        var text = new StringBuilder();
        var flags = message.Flags & ~NetlinkHeader.NLM_F_ACK;
        text.AppendLine(CultureInfo.InvariantCulture, $"type {message.Type:x} flags {flags:x} {Convert.ToHexString(message.Fixed(4))}");
        Describe(message.Attributes(4), text, Context(message.Type, -1, null), 1);
        return text.ToString();
    }

    private static void Describe(AttributeReader attributes, StringBuilder text, string context, int depth)
    {
        var expression = "";
        while (attributes.TryRead(out var attribute))
        {
            if (attribute.Type == NftExpressionHeader.NFTA_EXPR_NAME && context == "expression")
            {
                expression = attribute.ReadString();
            }

            if (IsFree(context, attribute))
            {
                continue;
            }

            // libnftnl numbers the elements of a list, the header has one number for all.
            var isList = context is "elements" or "fields";
            text.Append(' ', 2 * depth).Append(CultureInfo.InvariantCulture, $"{(isList ? 1 : attribute.Type)}:");
            if (IsNested(context, attribute.Type))
            {
                text.AppendLine();
                Describe(attribute.Nested(), text, Context(0, attribute.Type, context, expression), depth + 1);
            }
            else
            {
                text.AppendLine(Convert.ToHexString(context == "set" && attribute.Type == 13 ? SetUserData(attribute.Value) : attribute.Value));
            }
        }
    }

    /// <summary>The set's byte orders and comment; the captured ones also say which expressions typed the set, for typeof.</summary>
    private static byte[] SetUserData(ReadOnlySpan<byte> data)
    {
        var kept = new List<byte>();
        while (!data.IsEmpty)
        {
            var entry = data[..(2 + data[1])];
            if (entry[0] is 0 or 1 or 7)
            {
                kept.AddRange(entry);
            }

            data = data[entry.Length..];
        }

        return [.. kept];
    }

    private static bool IsFree(string context, NetlinkAttribute attribute) => (context, attribute.Type) switch
    {
        // References by number inside the transaction, beside those by name.
        ("set", 10) or ("element-list", 4) or ("lookup", 4) or ("dynset", 2) => true,

        // nft closes the gap before the first interval with an end at 0, which changes nothing.
        ("elements", _) => Convert.ToHexString(attribute.Value) == "08000300000000010C0001800800010000000000",

        // NFT_BITWISE_MASK_XOR is the default, nft writes it sometimes.
        ("bitwise", 6) => true,
        _ => false,

    };

    private static bool IsNested(string context, int type) => (context, type) switch
    {
        ("chain", 4) or ("rule", 4) or ("set", 9) or ("element-list", 3) => true,
        ("expressions", _) or ("elements", _) or ("fields", _) => true,
        ("expression", 2) or ("set-description", 2) => true,
        ("element", 1 or 2 or 10) or ("data", 2) => true,
        ("immediate", 2) or ("cmp", 3) or ("bitwise", 4 or 5) or ("range", 3 or 4) => true,
        _ => false,
    };

    private static string Context(ushort messageType, int attribute, string? outer, string expression = "") => (messageType, outer, attribute) switch
    {
        (0xA03, _, _) => "chain",
        (0xA06, _, _) => "rule",
        (0xA09, _, _) => "set",
        (0xA0C, _, _) => "element-list",
        (_, "rule", 4) => "expressions",
        (_, "expressions", _) => "expression",
        (_, "expression", 2) => expression,
        (_, "set", 9) => "set-description",
        (_, "set-description", 2) => "fields",
        (_, "element-list", 3) => "elements",
        (_, "elements", _) => "element",
        (_, "element" or "immediate" or "cmp" or "bitwise" or "range", _) => "data",
        _ => "",
    };
}

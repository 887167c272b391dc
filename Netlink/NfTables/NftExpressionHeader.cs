namespace ProxyFramework.Netlink.NfTables;

/// <summary>The attributes of the expressions of linux/netfilter/nf_tables.h, under the header's names.</summary>
internal static class NftExpressionHeader
{
    internal const ushort NFTA_EXPR_NAME = 1;
    internal const ushort NFTA_EXPR_DATA = 2;

    internal const ushort NFTA_IMMEDIATE_DREG = 1;
    internal const ushort NFTA_IMMEDIATE_DATA = 2;

    internal const ushort NFTA_BITWISE_SREG = 1;
    internal const ushort NFTA_BITWISE_DREG = 2;
    internal const ushort NFTA_BITWISE_LEN = 3;
    internal const ushort NFTA_BITWISE_MASK = 4;
    internal const ushort NFTA_BITWISE_XOR = 5;

    internal const ushort NFTA_BYTEORDER_SREG = 1;
    internal const ushort NFTA_BYTEORDER_DREG = 2;
    internal const ushort NFTA_BYTEORDER_OP = 3;
    internal const ushort NFTA_BYTEORDER_LEN = 4;
    internal const ushort NFTA_BYTEORDER_SIZE = 5;

    internal const ushort NFTA_CMP_SREG = 1;
    internal const ushort NFTA_CMP_OP = 2;
    internal const ushort NFTA_CMP_DATA = 3;

    internal const ushort NFTA_RANGE_SREG = 1;
    internal const ushort NFTA_RANGE_OP = 2;
    internal const ushort NFTA_RANGE_FROM_DATA = 3;
    internal const ushort NFTA_RANGE_TO_DATA = 4;

    internal const ushort NFTA_LOOKUP_SET = 1;
    internal const ushort NFTA_LOOKUP_SREG = 2;
    internal const ushort NFTA_LOOKUP_DREG = 3;
    internal const ushort NFTA_LOOKUP_FLAGS = 5;
    internal const uint NFT_LOOKUP_F_INV = 1;

    internal const ushort NFTA_DYNSET_SET_NAME = 1;
    internal const ushort NFTA_DYNSET_OP = 3;
    internal const ushort NFTA_DYNSET_SREG_KEY = 4;
    internal const ushort NFTA_DYNSET_SREG_DATA = 5;
    internal const ushort NFTA_DYNSET_TIMEOUT = 6;

    internal const ushort NFTA_PAYLOAD_DREG = 1;
    internal const ushort NFTA_PAYLOAD_BASE = 2;
    internal const ushort NFTA_PAYLOAD_OFFSET = 3;
    internal const ushort NFTA_PAYLOAD_LEN = 4;

    internal const ushort NFTA_META_DREG = 1;
    internal const ushort NFTA_META_KEY = 2;
    internal const ushort NFTA_META_SREG = 3;

    internal const ushort NFTA_CT_DREG = 1;
    internal const ushort NFTA_CT_KEY = 2;
    internal const ushort NFTA_CT_DIRECTION = 3;
    internal const ushort NFTA_CT_SREG = 4;

    internal const ushort NFTA_HASH_SREG = 1;
    internal const ushort NFTA_HASH_DREG = 2;
    internal const ushort NFTA_HASH_LEN = 3;
    internal const ushort NFTA_HASH_MODULUS = 4;
    internal const ushort NFTA_HASH_SEED = 5;
    internal const ushort NFTA_HASH_OFFSET = 6;
    internal const ushort NFTA_HASH_TYPE = 7;
    internal const uint NFT_HASH_JENKINS = 0;
    internal const uint NFT_HASH_SYM = 1;

    internal const ushort NFTA_NG_DREG = 1;
    internal const ushort NFTA_NG_MODULUS = 2;
    internal const ushort NFTA_NG_TYPE = 3;
    internal const ushort NFTA_NG_OFFSET = 4;

    internal const ushort NFTA_FIB_DREG = 1;
    internal const ushort NFTA_FIB_RESULT = 2;
    internal const ushort NFTA_FIB_FLAGS = 3;

    internal const ushort NFTA_LIMIT_RATE = 1;
    internal const ushort NFTA_LIMIT_UNIT = 2;
    internal const ushort NFTA_LIMIT_BURST = 3;
    internal const ushort NFTA_LIMIT_TYPE = 4;
    internal const ushort NFTA_LIMIT_FLAGS = 5;

    internal const ushort NFTA_LOG_PREFIX = 2;

    internal const ushort NFTA_REJECT_TYPE = 1;
    internal const ushort NFTA_REJECT_ICMP_CODE = 2;
    internal const uint NFT_REJECT_ICMP_UNREACH = 0;
    internal const uint NFT_REJECT_TCP_RST = 1;
    internal const uint NFT_REJECT_ICMPX_UNREACH = 2;

    internal const ushort NFTA_NAT_TYPE = 1;
    internal const ushort NFTA_NAT_FAMILY = 2;
    internal const ushort NFTA_NAT_REG_ADDR_MIN = 3;
    internal const ushort NFTA_NAT_REG_PROTO_MIN = 5;
    internal const ushort NFTA_NAT_FLAGS = 7;
    internal const uint NFT_NAT_SNAT = 0;
    internal const uint NFT_NAT_DNAT = 1;

    internal const ushort NFTA_MASQ_FLAGS = 1;

    internal const ushort NFTA_REDIR_REG_PROTO_MIN = 1;
    internal const ushort NFTA_REDIR_FLAGS = 3;
    internal const uint NF_NAT_RANGE_PROTO_SPECIFIED = 2;
}

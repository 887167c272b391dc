using System.Runtime.InteropServices;

namespace ProxyFramework.Netlink.NfTables;

#pragma warning disable CS8981 // The header's names are lower-case.

/// <summary>The constants of linux/netfilter/nf_tables.h and nfnetlink.h, under the headers' names.</summary>
internal static class NfTablesHeader
{
    internal const ushort NFNL_SUBSYS_CTNETLINK = 1;
    internal const ushort NFNL_SUBSYS_NFTABLES = 10;
    internal const ushort NFNL_MSG_BATCH_BEGIN = 0x10;
    internal const ushort NFNL_MSG_BATCH_END = 0x11;
    internal const ushort NFNL_BATCH_GENID = 1;
    internal const uint NFNLGRP_NFTABLES = 7;

    internal const ushort NFT_MSG_NEWTABLE = 0;
    internal const ushort NFT_MSG_GETTABLE = 1;
    internal const ushort NFT_MSG_DELTABLE = 2;
    internal const ushort NFT_MSG_NEWCHAIN = 3;
    internal const ushort NFT_MSG_GETCHAIN = 4;
    internal const ushort NFT_MSG_DELCHAIN = 5;
    internal const ushort NFT_MSG_NEWRULE = 6;
    internal const ushort NFT_MSG_GETRULE = 7;
    internal const ushort NFT_MSG_DELRULE = 8;
    internal const ushort NFT_MSG_NEWSET = 9;
    internal const ushort NFT_MSG_GETSET = 10;
    internal const ushort NFT_MSG_DELSET = 11;
    internal const ushort NFT_MSG_NEWSETELEM = 12;
    internal const ushort NFT_MSG_GETSETELEM = 13;
    internal const ushort NFT_MSG_DELSETELEM = 14;
    internal const ushort NFT_MSG_NEWGEN = 15;
    internal const ushort NFT_MSG_GETGEN = 16;
    internal const ushort NFT_MSG_NEWOBJ = 18;
    internal const ushort NFT_MSG_DELOBJ = 20;
    internal const ushort NFT_MSG_NEWFLOWTABLE = 22;
    internal const ushort NFT_MSG_DELFLOWTABLE = 24;

    internal const ushort NFTA_LIST_ELEM = 1;

    internal const ushort NFTA_HOOK_HOOKNUM = 1;
    internal const ushort NFTA_HOOK_PRIORITY = 2;

    internal const ushort NFTA_TABLE_NAME = 1;
    internal const ushort NFTA_TABLE_FLAGS = 2;
    internal const ushort NFTA_TABLE_USE = 3;
    internal const ushort NFTA_TABLE_HANDLE = 4;
    internal const ushort NFTA_TABLE_USERDATA = 6;
    internal const ushort NFTA_TABLE_OWNER = 7;

    internal const uint NFT_CHAIN_BASE = 1;

    internal const ushort NFTA_CHAIN_TABLE = 1;
    internal const ushort NFTA_CHAIN_HANDLE = 2;
    internal const ushort NFTA_CHAIN_NAME = 3;
    internal const ushort NFTA_CHAIN_HOOK = 4;
    internal const ushort NFTA_CHAIN_POLICY = 5;
    internal const ushort NFTA_CHAIN_TYPE = 7;
    internal const ushort NFTA_CHAIN_USERDATA = 12;

    internal const ushort NFTA_RULE_TABLE = 1;
    internal const ushort NFTA_RULE_CHAIN = 2;
    internal const ushort NFTA_RULE_HANDLE = 3;
    internal const ushort NFTA_RULE_EXPRESSIONS = 4;
    internal const ushort NFTA_RULE_POSITION = 6;
    internal const ushort NFTA_RULE_USERDATA = 7;

    internal const ushort NFTA_SET_TABLE = 1;
    internal const ushort NFTA_SET_NAME = 2;
    internal const ushort NFTA_SET_FLAGS = 3;
    internal const ushort NFTA_SET_KEY_TYPE = 4;
    internal const ushort NFTA_SET_KEY_LEN = 5;
    internal const ushort NFTA_SET_DATA_TYPE = 6;
    internal const ushort NFTA_SET_DATA_LEN = 7;
    internal const ushort NFTA_SET_DESC = 9;
    internal const ushort NFTA_SET_ID = 10;
    internal const ushort NFTA_SET_TIMEOUT = 11;
    internal const ushort NFTA_SET_GC_INTERVAL = 12;
    internal const ushort NFTA_SET_USERDATA = 13;
    internal const ushort NFTA_SET_HANDLE = 16;

    internal const ushort NFTA_SET_DESC_SIZE = 1;
    internal const ushort NFTA_SET_DESC_CONCAT = 2;
    internal const ushort NFTA_SET_FIELD_LEN = 1;

    internal const ushort NFTA_SET_ELEM_KEY = 1;
    internal const ushort NFTA_SET_ELEM_DATA = 2;
    internal const ushort NFTA_SET_ELEM_FLAGS = 3;
    internal const ushort NFTA_SET_ELEM_TIMEOUT = 4;
    internal const ushort NFTA_SET_ELEM_EXPIRATION = 5;
    internal const ushort NFTA_SET_ELEM_USERDATA = 6;
    internal const ushort NFTA_SET_ELEM_KEY_END = 10;

    internal const uint NFT_SET_ELEM_INTERVAL_END = 1;

    internal const ushort NFTA_SET_ELEM_LIST_TABLE = 1;
    internal const ushort NFTA_SET_ELEM_LIST_SET = 2;
    internal const ushort NFTA_SET_ELEM_LIST_ELEMENTS = 3;

    internal const uint NFT_DATA_VERDICT = 0xFFFF_FF00;
    internal const int NFT_DATA_VALUE_MAXLEN = 64;
    internal const int NFT_USERDATA_MAXLEN = 256;

    internal const ushort NFTA_DATA_VALUE = 1;
    internal const ushort NFTA_DATA_VERDICT = 2;
    internal const ushort NFTA_VERDICT_CODE = 1;
    internal const ushort NFTA_VERDICT_CHAIN = 2;

    internal const ushort NFTA_GEN_ID = 1;
    internal const ushort NFTA_GEN_PROC_PID = 2;
    internal const ushort NFTA_GEN_PROC_NAME = 3;

    internal const ushort NFTA_OBJ_TABLE = 1;
    internal const ushort NFTA_OBJ_NAME = 2;

    internal static ushort MessageType(ushort message) => (ushort)((NFNL_SUBSYS_NFTABLES << 8) | message);

    [StructLayout(LayoutKind.Sequential)]
    internal struct nfgenmsg
    {
        internal byte nfgen_family;
        internal byte version;
        internal ushort res_id;

        internal const int Size = 4;
    }
}

using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace ProxyFramework.Host.CommandLine;

/// <summary>
/// Where an HTTP server listens: <c>address:port</c> as kube-proxy's flags take it, IPv6 in brackets; a bare address takes the
/// default port, a bare <c>:port</c> every address; port 0 is any free port.
/// </summary>
/// <param name="Address">The address; null for every address of both families.</param>
/// <param name="Port">The port; 0 for any free one.</param>
internal sealed record BindAddress(IPAddress? Address, ushort Port)
{
    /// <summary>What a message says was expected.</summary>
    public const string Expected = "ADDRESS:PORT such as 0.0.0.0:10256, [::]:10256 or :10256, or nothing to switch it off";

    /// <summary>Reads an address. <paramref name="bind"/> is null for the empty text, which switches a server off.</summary>
    public static bool TryParse(string text, ushort defaultPort, out BindAddress? bind)
    {
        bind = null;
        if (text.Length == 0)
        {
            return true;
        }

        var port = defaultPort;
        var host = text;
        var colon = text.LastIndexOf(':');
        var isBareIPv6 = !text.StartsWith('[') && text.IndexOf(':') != colon;
        if (colon >= 0 && !isBareIPv6 && !text.EndsWith(']'))
        {
            host = text[..colon];
            if (!ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out port))
            {
                return false;
            }
        }

        if (host.Length == 0)
        {
            bind = new BindAddress(null, port);
            return true;
        }

        var bracketed = host.StartsWith('[') && host.EndsWith(']');
        if (!InetAddress.TryParse(bracketed ? host.AsSpan(1, host.Length - 2) : host, out var address) || (bracketed && address.IsIPv4))
        {
            return false;
        }

        bind = new BindAddress(address.ToIPAddress(), port);
        return true;
    }

    /// <summary>Makes a server listen there.</summary>
    public void ListenOn(KestrelServerOptions server)
    {
        if (Address is null)
        {
            server.ListenAnyIP(Port);
        }
        else
        {
            server.Listen(Address, Port);
        }
    }

    /// <summary>The form that <see cref="TryParse"/> reads.</summary>
    public override string ToString() => Address is null
        ? string.Create(CultureInfo.InvariantCulture, $":{Port}")
        : new IPEndPoint(Address, Port).ToString();
}

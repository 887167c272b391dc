using ProxyFramework.Core.Objects;
using ProxyFramework.Core.Sources;

namespace ProxyFramework.Core.View;

/// <summary>Decides whether an EndpointSlice counts, and leaves out of it the endpoints that make no sense, with a message for each.</summary>
internal static class EndpointSliceValidation
{
    /// <summary>Whether a slice can belong to a Service that is proxied.</summary>
    public static bool Counts(EndpointSlice slice) => !slice.IsHeadless && slice.AddressType is not null && slice.ServiceName is not null;

    /// <summary>The slice without what is refused; the same object where nothing is.</summary>
    public static EndpointSlice Validate(EndpointSlice slice, List<ObjectProblem> problems)
    {
        var before = problems.Count;
        for (var i = 0; i < slice.Endpoints.Length; i++)
        {
            if (Refusal(slice, slice.Endpoints[i].Address) is { } why)
            {
                problems.Add(new ObjectProblem("", $"EndpointSlice {slice.Name}", $"endpoints[{i}].addresses[0]", why));
            }
        }

        return problems.Count == before
            ? slice
            : slice with { Endpoints = [.. slice.Endpoints.Where(endpoint => Refusal(slice, endpoint.Address) is null)] };
    }

    private static string? Refusal(EndpointSlice slice, InetAddress address) => address.Family != slice.AddressType
        ? $"{address} is {address.Family}, but the slice's addressType is {slice.AddressType}"
        : AddressRefusal.Of(address);
}

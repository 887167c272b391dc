using ProxyFramework.Core.Objects;

namespace ProxyFramework.Core.View;

/// <summary>An endpoint of a slice, seen from one service port and this node.</summary>
/// <param name="Address">The address.</param>
/// <param name="Port">The target port.</param>
/// <param name="Weight">The weight; 0 takes no new connections.</param>
/// <param name="Conditions">The conditions.</param>
/// <param name="IsLocal">Whether it runs on this node.</param>
/// <param name="Hints">For whose traffic it is meant; null for everyone's.</param>
/// <param name="Sequence">Its place among all slices of the service.</param>
/// <param name="Share">How much of its weight health checks leave it, in percent.</param>
internal readonly record struct EndpointCandidate(
    InetAddress Address, ushort Port, ushort Weight, EndpointConditions Conditions, bool IsLocal, TopologyHints? Hints, int Sequence,
    int Share = EndpointVerdicts.Full)
{
    public bool IsReady => (Conditions & EndpointConditions.Ready) != 0;

    public bool IsServingAndTerminating =>
        (Conditions & (EndpointConditions.Serving | EndpointConditions.Terminating)) == (EndpointConditions.Serving | EndpointConditions.Terminating);

    /// <summary>Whether the endpoint still answers connections that it has.</summary>
    public bool IsAlive => Conditions != EndpointConditions.None;

    public bool IsSameEndpoint(in EndpointCandidate other) => Address == other.Address && Port == other.Port;

    /// <summary>By address and port; the same endpoint with the most favourable conditions first.</summary>
    public sealed class Order : IComparer<EndpointCandidate>
    {
        public static Order Instance { get; } = new();

        public int Compare(EndpointCandidate x, EndpointCandidate y)
        {
            var order = x.Address.CompareTo(y.Address);
            if (order == 0)
            {
                order = x.Port.CompareTo(y.Port);
            }

            if (order == 0)
            {
                order = Usefulness(y).CompareTo(Usefulness(x));
            }

            if (order == 0)
            {
                order = y.IsLocal.CompareTo(x.IsLocal);
            }

            return order != 0 ? order : x.Sequence.CompareTo(y.Sequence);
        }

        private static int Usefulness(in EndpointCandidate candidate) => candidate switch
        {
            { IsReady: true } => 3,
            { IsServingAndTerminating: true } => 2,
            { IsAlive: true } => 1,
            _ => 0,
        };
    }
}

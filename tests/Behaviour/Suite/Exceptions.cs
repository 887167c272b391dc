namespace ProxyFramework.Behaviour.Suite;

/// <summary>
/// The one place that knows what particular backends cannot do. A third party adds its own in a file named by
/// <c>SVCPROXY_EXCEPTIONS</c>, a line each: <c>scenario | reason</c> or <c>scenario | reason | instead</c>.
/// </summary>
public static class Exceptions
{
    /// <summary>Ours.</summary>
    public static IReadOnlyList<Excepted> Table { get; } =
    [
        new("userspace", "ClusterCidrScenarios.Pods_reach_cluster_ips_with_their_own_address", Relays, NodeIsSeen),
        new("userspace", "NodeCidrScenarios.Pods_reach_cluster_ips_with_their_own_address", Relays, NodeIsSeen),
        new("userspace", "BridgeInterfaceScenarios.Pods_reach_cluster_ips_with_their_own_address", Relays, NodeIsSeen),
        new("userspace", "InterfaceNamePrefixScenarios.Pods_reach_cluster_ips_with_their_own_address", Relays, NodeIsSeen),
        new("userspace", "ClusterCidrScenarios.Pods_of_other_nodes_count_as_the_mode_says", Relays, NodeIsSeen),
        new("userspace", "*.External_frontends_with_local_policy_keep_the_clients_address", Relays, NodeIsSeen),
        new("userspace", "RestartScenarios.A_crash_and_a_restart_cost_no_request", Process, "it serves again as soon as it runs again"),
        new("userspace", "RestartScenarios.An_orderly_stop_leaves_everything_in_force", Process, "it serves again as soon as it runs again"),
        new("userspace", "RestartScenarios.Established_connections_and_flows_outlive_the_proxy", Process),
        new("userspace", "RestartScenarios.Session_affinity_outlives_the_proxy", Process),
        new("userspace", "ModeSwitchScenarios.Switching_to_another_mode_and_back_fails_no_request_and_leaves_nothing_of_either", Process),
        new("userspace", "LoadScenarios.Load_while_the_proxy_is_killed_and_started_again_amid_changes_has_no_error", Process),
        new(
            "userspace",
            "UdpScenarios.A_flow_that_is_older_than_its_service_is_served_when_the_service_comes",
            "Service addresses become local by a route, and a connected IPv6 socket on the node keeps the route that it had.",
            "flows that come in from outside are served; those of the node itself when they connect anew"),
        new(
            "userspace",
            "NeighbourScenarios.Node_ports_do_not_depend_on_what_the_node_itself_lets_in",
            "In userspace mode node ports are sockets of the node: its firewall for what comes in (INPUT) decides on them."),
        new("userspace", "SctpScenarios.Associations_reach_an_endpoint_through_every_frontend", "It relays TCP and UDP only; SCTP would need sockets of a kernel with CONFIG_IP_SCTP."),
        new(
            "ipvs",
            "NeighbourScenarios.Node_ports_do_not_depend_on_what_the_node_itself_lets_in",
            "Packets reach IPVS through the node's own INPUT chains: its firewall for what comes in decides on services too."),
        new(
            "ipvs",
            "SessionAffinityScenarios.Turned_on_off_or_given_another_time_it_changes_on_an_existing_service",
            "In IPVS a client keeps the time that its affinity began with, and stays for as long as IPVS remembers a connection of it: 10 s after a reset, 2 min after an orderly end.",
            "clients that come after the change have the new time, where that is longer than IPVS remembers connections"),
    ];

    private const string Relays = "Userspace mode ends the client's connection and makes one of its own to the endpoint.";
    private const string NodeIsSeen = "the endpoint sees an address of the node";
    private const string Process = "In userspace mode the data path is the process: nothing in the kernel goes on without it.";

    private static readonly Lazy<Excepted[]> All = new(() => [.. Table, .. FromFile()]);

    /// <summary>The exception of a scenario, or null.</summary>
    public static Excepted? Find(string backend, string scenario) => Array.Find(All.Value, row => row.Covers(backend, scenario));

    private static IEnumerable<Excepted> FromFile()
    {
        if (Environment.GetEnvironmentVariable("SVCPROXY_EXCEPTIONS") is not { Length: > 0 } path)
        {
            yield break;
        }

        foreach (var line in File.ReadLines(path).Where(line => line.Trim().Length > 0 && !line.StartsWith('#')))
        {
            var parts = line.Split('|', StringSplitOptions.TrimEntries);
            yield return parts.Length is 2 or 3
                ? new Excepted(TestedBackend.Mode, parts[0], parts[1], parts.ElementAtOrDefault(2))
                : throw new FormatException($"{path}: '{line}' should be 'scenario | reason' or 'scenario | reason | instead'");
        }
    }
}

using System.Collections.Immutable;

namespace ProxyFramework.Plugins.Schedulers;

/// <summary>
/// <c>peak-ewma</c>: of two endpoints drawn by weight, the one where a new connection is likely to wait less: its recent latency times the connections
/// that it has with this one. Latency is an exponentially weighted moving average that follows a rise at once and a fall slowly
/// (Finagle's <c>p2c-peak-ewma</c>). An endpoint that has connections and has never answered is the last choice.
/// </summary>
/// <remarks>Option <c>decay</c>: after so many seconds a latency counts 1/e of itself, 1…600, 10 unless given.</remarks>
public sealed class PeakEwmaScheduler : IConfigurableScheduler
{
    private const double DefaultDecaySeconds = 10;

    private readonly TimeProvider _time;
    private readonly Random _random;
    private readonly double _decaySeconds;

    /// <summary>A scheduler that uses the thread-safe generator of the runtime.</summary>
    /// <param name="time">The clock.</param>
    public PeakEwmaScheduler(TimeProvider time)
        : this(time, Random.Shared, DefaultDecaySeconds)
    {
    }

    internal PeakEwmaScheduler(TimeProvider time, Random random, double decaySeconds = DefaultDecaySeconds) =>
        (_time, _random, _decaySeconds) = (time, random, decaySeconds);

    /// <inheritdoc/>
    public string Name => "peak-ewma";

    /// <inheritdoc/>
    public bool NeedsLoads => true;

    /// <inheritdoc/>
    public IScheduler WithOptions(IReadOnlyDictionary<string, string> options) =>
        new PeakEwmaScheduler(_time, _random, new SchedulerOptions(options, "decay").Number("decay", DefaultDecaySeconds, 1, 600));

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">There is not one load for each endpoint.</exception>
    public IEndpointPicker CreatePicker(PickerContext context) =>
        new Picker(LeastLoadedPicker.RequireLoads(context), context, _time, _random, _decaySeconds);

    private sealed class Picker : IEndpointPicker
    {
        private readonly ImmutableArray<EndpointLoad> _loads;
        private readonly ImmutableArray<PeakLatency> _latencies;
        private readonly WeightedDraw _draw;
        private readonly TimeProvider _time;

        public Picker(ImmutableArray<EndpointLoad> loads, PickerContext context, TimeProvider time, Random random, double decaySeconds)
        {
            _loads = loads;
            _draw = new WeightedDraw(context.Endpoints, random);
            _time = time;
            var known = new Dictionary<EndpointLoad, PeakLatency>();
            if (context.Previous is Picker previous)
            {
                for (var index = 0; index < previous._loads.Length; index++)
                {
                    known[previous._loads[index]] = previous._latencies[index];
                }
            }

            _latencies = [.. loads.Select(load => known.GetValueOrDefault(load) ?? new PeakLatency(load, time, decaySeconds))];
        }

        public int Pick(in ConnectionKey connection)
        {
            var (first, second) = _draw.Two();
            var now = _time.GetTimestamp();
            return Cost(second, now) < Cost(first, now) ? second : first;
        }

        private double Cost(int index, long now)
        {
            // Short of an answer, an idle endpoint is worth a try, and one that is busy is the last choice.
            const double Unanswered = 1e6;
            var active = Math.Max(0, _loads[index].ActiveConnections);
            var seconds = _latencies[index].SecondsAt(now);
            return seconds > 0 ? seconds * (active + 1) : active * Unanswered;
        }
    }
}

using CsCheck;
using Microsoft.Extensions.Time.Testing;
using ProxyFramework.Core.Localhost;
using ProxyFramework.Core.Sync;
using ProxyFramework.Core.Tests.Sync;
using Xunit;
using static ProxyFramework.Core.Tests.Sync.Ports;

namespace ProxyFramework.Core.Tests.Localhost;

/// <summary>
/// Random sequences of wishes, changes of the node, refusals and failures of either backend and full change sets, from a real ledger
/// through the composition into two backends that keep their own state by the change sets alone.
/// </summary>
public class LocalhostNodePortProperties
{
    private static readonly string[] Names = ["a", "b", "c", "d", "e"];

    private enum Kind
    {
        Want,
        Node,
        Sync,
        FullSync,
    }

    /// <param name="Kind">What happens.</param>
    /// <param name="Name">To which service port.</param>
    /// <param name="Version">What is wanted, 0 for nothing, odd with a node port; of the node, which addresses.</param>
    /// <param name="Chosen">What the chosen backend refuses, as bits; all of them and one more to throw.</param>
    /// <param name="Companion">The same for the companion, and two more: not to return before a later sync, and this sync not being that one.</param>
    private readonly record struct Event(Kind Kind, int Name, int Version, int Chosen, int Companion);

    private const int Throws = 32;
    private const int Slow = 64;
    private const int StaysSlow = 128;

    private static readonly Gen<int> Faults = Gen.Frequency((3, Gen.Const(0)), (2, Gen.Int[0, 31]), (1, Gen.Const(Throws)));

    private static readonly Gen<Event> AnyEvent = Gen.Select(
        Gen.Frequency((6, Gen.Const(Kind.Want)), (1, Gen.Const(Kind.Node)), (4, Gen.Const(Kind.Sync)), (1, Gen.Const(Kind.FullSync))),
        Gen.Int[0, Names.Length - 1],
        Gen.Int[0, 5],
        Faults,
        Gen.Select(
            Faults,
            Gen.Frequency((3, Gen.Const(0)), (1, Gen.Const(Slow)), (1, Gen.Const(StaysSlow)), (1, Gen.Const(Slow | StaysSlow))),
            (faults, slow) => faults | slow),
        (kind, name, version, chosen, companion) => new Event(kind, name, version, chosen, companion));

    [Fact]
    public Task The_companion_is_given_the_projection_of_the_whole_state_and_once_quiet_both_have_their_part() =>
        AnyEvent.Array[0, 60].SampleAsync(
            async events =>
            {
                await using var model = new Model();
                await model.RunAsync(events);
            },
            iter: 400);

    private sealed class Model : IAsyncDisposable
    {
        private readonly SyncLedger _ledger = new(new Backoff(new Random(1)));
        private readonly FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch);
        private readonly Dictionary<ServicePortKey, ServicePort> _wanted = [];
        private readonly ScriptedBackend _chosen;
        private readonly Pair _pair;
        private readonly LocalhostNodePortBackend _composition;
        private NodeState _node = Pair.Node("192.0.2.1");
        private bool _hasBeenWanted;
        private bool _needsFull = true;
        private Exception? _broken;
        private volatile TaskCompletionSource? _held;

        public Model()
        {
            _chosen = new ScriptedBackend { Time = _time };
            _pair = new Pair(_time);
            _composition = _pair.Compose(_chosen);
        }

        public async Task RunAsync(Event[] events)
        {
            await _composition.StartAsync(Pair.Context(_time), CancellationToken.None);
            _ledger.Want(_node);
            foreach (var one in events)
            {
                _time.Advance(TimeSpan.FromMilliseconds(300));
                switch (one.Kind)
                {
                    case Kind.Want:
                        Want(Names[one.Name], one.Version);
                        break;
                    case Kind.Node:
                        _node = one.Version switch
                        {
                            0 => Pair.Node("192.0.2.1"),
                            1 => Pair.Node("192.0.2.1", "192.0.2.2"),
                            2 => Pair.Node("192.0.2.1", "127.0.0.1"),
                            _ => Pair.Node("192.0.2.1", "127.0.0.1", "::1"),
                        };
                        _ledger.Want(_node);
                        break;
                    default:
                        await SyncAsync(one.Kind == Kind.FullSync, one.Chosen, one.Companion);
                        break;
                }
            }

            // Quiet: nothing fails any more, and the clock goes on until nothing is left to do.
            for (var i = 0; i < 8 && (_needsFull || _ledger.HasChanges || _ledger.NextRetry is not null); i++)
            {
                _time.Advance(TimeSpan.FromMinutes(1));
                await SyncAsync(full: false, 0, 0);
            }

            Assert.Null(_broken);
            Assert.False(_ledger.HasChanges);
            Assert.Empty(_ledger.Failures);
            Assert.Equal(Ordered(_wanted), Ordered(_chosen.InForce));
            if (_hasBeenWanted)
            {
                Assert.Equal(Ordered(Projection()), Ordered(_pair.Companion.InForce));
                if (Projection().Count > 0)
                {
                    Assert.Equal(LocalhostNodePorts.Only(_node), _pair.Companion.Calls[^1].Node);
                }
            }
            else
            {
                Assert.Empty(_pair.Companion.Calls);
            }
        }

        public async ValueTask DisposeAsync()
        {
            await ReleaseAsync();
            await _composition.DisposeAsync();
        }

        private static IEnumerable<KeyValuePair<ServicePortKey, ServicePort>> Ordered(IReadOnlyDictionary<ServicePortKey, ServicePort> state) =>
            state.OrderBy(static one => one.Key.Service);

        private Dictionary<ServicePortKey, ServicePort> Projection() => _wanted.Values
            .Select(LocalhostNodePorts.Of).OfType<ServicePort>().ToDictionary(static service => service.Key);

        private void Want(string name, int version)
        {
            var wanted = version switch
            {
                0 => null,
                1 or 3 => Pair.WithNodePort(name, version),
                5 => Pair.WithNodePort(name, version, local: true),
                _ => Port(name, version),
            };
            _ledger.Want(Key(name), wanted);
            if (wanted is null)
            {
                _wanted.Remove(Key(name));
            }
            else
            {
                _wanted[Key(name)] = wanted;
            }
        }

        private async Task SyncAsync(bool full, int chosenFaults, int companionFaults)
        {
            _hasBeenWanted |= LocalhostNodePorts.AreWanted(_node);
            _chosen.OnApply = (changes, _) =>
            {
                Check(changes, _chosen, _wanted);
                Assert.Equal(LocalhostNodePorts.Without(_node), changes.Node);
                return Answer(changes, chosenFaults);
            };
            _pair.Companion.OnApply = async (changes, _) =>
            {
                try
                {
                    Check(changes, _pair.Companion, Projection());
                    Assert.Equal(LocalhostNodePorts.Only(_node), changes.Node);
                }
                catch (Exception error)
                {
                    // A companion that fails is nothing that the composition passes on.
                    _broken ??= error;
                }

                if ((companionFaults & Slow) != 0)
                {
                    var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                    _held = held;
                    await held.Task;
                }

                return await Answer(changes, companionFaults & ~(Slow | StaysSlow));
            };
            if ((companionFaults & StaysSlow) == 0)
            {
                await ReleaseAsync();
            }

            var taken = full || _needsFull ? _ledger.TakeFull() : _ledger.Take(_time.GetUtcNow());
            try
            {
                var apply = _composition.ApplyAsync(taken, CancellationToken.None).AsTask();
                await LoopRun.Until(() => apply.IsCompleted || _held is not null, "an answer");
                while (!apply.IsCompleted)
                {
                    _time.Advance(TimeSpan.FromMilliseconds(250));
                    await Task.Yield();
                }

                var result = await apply;
                Assert.Equal(result.Failures.Length, result.Failures.Select(failure => failure.Key).Distinct().Count());
                _needsFull &= !taken.IsFull;
                _ledger.Acknowledge(taken, result, _time.GetUtcNow());
            }
            catch (BackendException)
            {
                _ledger.Abandon(taken);
                _needsFull = true;
            }
        }

        /// <summary>Lets a slow call return, soon: the next change set may come before the composition has noticed.</summary>
        private async Task ReleaseAsync()
        {
            if (_held is { } held)
            {
                _held = null;
                held.SetResult();
                await LoopRun.Until(() => _pair.Companion.Running == 0, "the slow call returns");
            }
        }

        private static ValueTask<SyncResult> Answer(ServiceChangeSet changes, int faults) => faults == Throws
            ? throw new BackendException("broken")
            : new(new SyncResult
            {
                Failures = [.. changes.Changes.Where(change => (faults & (1 << Array.IndexOf(Names, change.Key.Service.Name))) != 0)
                    .Select(change => new ServicePortFailure(change.Key, "refused"))],
            });

        /// <summary>What the contract promises each of the two.</summary>
        private static void Check(ServiceChangeSet changes, ScriptedBackend backend, Dictionary<ServicePortKey, ServicePort> wanted)
        {
            Assert.Equal(Ordered(wanted), Ordered(changes.State));
            Assert.Equal(changes.Changes.Length, changes.Changes.Select(change => change.Key).Distinct().Count());
            foreach (var change in changes.Changes)
            {
                Assert.Equal(wanted.GetValueOrDefault(change.Key), change.After);
                Assert.False(change is { Before: null, After: null });
                if (!changes.IsFull && backend.InForce.TryGetValue(change.Key, out var acknowledged))
                {
                    Assert.Equal(acknowledged, change.Before);
                }
            }

            if (!changes.IsFull)
            {
                Assert.Equal(changes.PreviousNode.Equals(changes.Node), ReferenceEquals(changes.PreviousNode, changes.Node));
            }
        }
    }
}

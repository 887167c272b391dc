using CsCheck;
using ProxyFramework.Core.Sync;
using Xunit;
using static ProxyFramework.Core.Tests.Sync.Ports;

namespace ProxyFramework.Core.Tests.Sync;

/// <summary>
/// Random sequences of wishes, syncs, refusals, failures of the whole and full syncs against a backend that keeps its own state by
/// the change sets alone.
/// </summary>
public class SyncLedgerProperties
{
    private static readonly string[] Names = ["a", "b", "c", "d", "e"];

    private enum Kind
    {
        Want,
        Sync,
        Throw,
        FullSync,
    }

    /// <param name="Kind">What happens.</param>
    /// <param name="Name">To which service port.</param>
    /// <param name="Version">What is wanted, 0 for nothing.</param>
    /// <param name="Refused">Which of the names the backend refuses, as bits.</param>
    private readonly record struct Event(Kind Kind, int Name, int Version, int Refused);

    private static readonly Gen<Event> AnyEvent = Gen.Select(
        Gen.Frequency((6, Gen.Const(Kind.Want)), (4, Gen.Const(Kind.Sync)), (1, Gen.Const(Kind.Throw)), (1, Gen.Const(Kind.FullSync))),
        Gen.Int[0, Names.Length - 1],
        Gen.Int[0, 3],
        Gen.Int[0, 31],
        (kind, name, version, refused) => new Event(kind, name, version, refused));

    [Fact]
    public void Once_quiet_the_backend_has_what_is_wanted_and_before_is_what_it_acknowledged() =>
        AnyEvent.Array[0, 60].Sample(events => new Model().Run(events), iter: 3000);

    private sealed class Model
    {
        private readonly SyncLedger _ledger = new(new Backoff(new Random(1)));
        private readonly Dictionary<ServicePortKey, ServicePort> _wanted = [];
        private readonly Dictionary<ServicePortKey, ServicePort> _inForce = [];
        private DateTimeOffset _now = DateTimeOffset.UnixEpoch;
        private bool _needsFull = true;

        public void Run(Event[] events)
        {
            foreach (var one in events)
            {
                _now += TimeSpan.FromMilliseconds(300);
                switch (one.Kind)
                {
                    case Kind.Want when one.Version == 0:
                        _wanted.Remove(Key(Names[one.Name]));
                        _ledger.Want(Key(Names[one.Name]), null);
                        break;
                    case Kind.Want:
                        _wanted[Key(Names[one.Name])] = Port(Names[one.Name], one.Version);
                        _ledger.Want(Key(Names[one.Name]), Port(Names[one.Name], one.Version));
                        break;
                    case Kind.Throw:
                        _ledger.Abandon(Take(full: false));
                        _needsFull = true;
                        break;
                    default:
                        Sync(one.Kind == Kind.FullSync, one.Refused);
                        break;
                }
            }

            // Quiet: nothing fails any more, and the clock goes on until nothing is left to do.
            for (var i = 0; i < 5 && (_needsFull || _ledger.HasChanges || _ledger.NextRetry is not null); i++)
            {
                _now += TimeSpan.FromMinutes(1);
                Sync(full: false, refused: 0);
            }

            Assert.False(_ledger.HasChanges);
            Assert.Empty(_ledger.Failures);
            Assert.Equal(_wanted.OrderBy(one => one.Key.Service), _inForce.OrderBy(one => one.Key.Service));
        }

        private ServiceChangeSet Take(bool full)
        {
            full |= _needsFull;
            var changes = full ? _ledger.TakeFull() : _ledger.Take(_now);
            Assert.Equal(full, changes.IsFull);
            Assert.Equal(changes.Changes.Length, changes.Changes.Select(change => change.Key).Distinct().Count());
            Assert.Equal(_wanted.OrderBy(one => one.Key.Service), changes.State.OrderBy(one => one.Key.Service));
            var firstUpsert = changes.Changes.ToList().FindIndex(change => change.After is not null);
            Assert.True(firstUpsert < 0 || changes.Changes.Skip(firstUpsert).All(change => change.After is not null), "removals come first");
            foreach (var change in changes.Changes)
            {
                Assert.Equal(_wanted.GetValueOrDefault(change.Key), change.After);
                if (!full && _inForce.TryGetValue(change.Key, out var acknowledged))
                {
                    Assert.Equal(acknowledged, change.Before);
                }
            }

            return changes;
        }

        private void Sync(bool full, int refused)
        {
            var changes = Take(full);
            var failures = changes.Changes.Where(change => (refused & (1 << Array.IndexOf(Names, change.Key.Service.Name))) != 0)
                .Select(change => new ServicePortFailure(change.Key, "refused")).ToArray();
            var failed = failures.Select(failure => failure.Key).ToHashSet();
            if (changes.IsFull)
            {
                _needsFull = false;
                foreach (var key in _inForce.Keys.Where(key => !_wanted.ContainsKey(key) && !failed.Contains(key)).ToArray())
                {
                    _inForce.Remove(key);
                }
            }

            foreach (var change in changes.Changes.Where(change => !failed.Contains(change.Key)))
            {
                if (change.After is { } after)
                {
                    _inForce[change.Key] = after;
                }
                else
                {
                    _inForce.Remove(change.Key);
                }
            }

            _ledger.Acknowledge(changes, new SyncResult { Failures = [.. failures] }, _now);
        }
    }
}

using System.Collections.Immutable;

namespace ProxyFramework.Backends.Userspace;

/// <summary>Collects what goes wrong, and what goes otherwise than asked, while one change set is applied.</summary>
internal sealed class ApplyReport
{
    private const int ReasonsNamed = 3;

    private readonly Dictionary<ServicePortKey, List<string>> _failures = [];
    private readonly ImmutableArray<ServicePortNotice>.Builder _notices = ImmutableArray.CreateBuilder<ServicePortNotice>();

    public void Fail(ServicePortKey key, string reason)
    {
        if (!_failures.TryGetValue(key, out var reasons))
        {
            _failures[key] = reasons = [];
        }

        reasons.Add(reason);
    }

    public void Notice(ServicePortKey key, string message) => _notices.Add(new ServicePortNotice(key, message));

    public bool HasFailed(ServicePortKey key) => _failures.ContainsKey(key);

    public SyncResult ToResult() => _failures.Count == 0 && _notices.Count == 0
        ? SyncResult.Success
        : new SyncResult
        {
            Failures = [.. _failures.Select(failure => new ServicePortFailure(failure.Key, Join(failure.Value)))],
            Notices = _notices.ToImmutable(),
        };

    private static string Join(List<string> reasons) => reasons.Count <= ReasonsNamed
        ? string.Join("; ", reasons)
        : $"{string.Join("; ", reasons.Take(ReasonsNamed))}; and {reasons.Count - ReasonsNamed} more";
}

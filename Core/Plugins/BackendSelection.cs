using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace ProxyFramework.Core.Plugins;

/// <summary>Picks the backend for a mode: the one of that name, or the best that the node supports.</summary>
public sealed class BackendSelection(PluginCatalog catalog, TimeProvider time)
{
    /// <summary>The backend for a mode and what it says of this node.</summary>
    /// <param name="mode">A backend's name, or <see cref="ServiceProxyOptions.AutoMode"/>.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ProxyStartException">There is none that can be used; the message says why and what there is instead.</exception>
    public async Task<(IBackend Backend, BackendSupport Support)> SelectAsync(string mode, CancellationToken cancellationToken)
    {
        if (mode == ServiceProxyOptions.AutoMode)
        {
            return await SelectBestAsync(cancellationToken).ConfigureAwait(false);
        }

        var backend = Find(mode);
        var support = await BackendProbe.RunAsync(backend, time, cancellationToken).ConfigureAwait(false);
        return support.IsSupported
            ? (backend, support)
            : throw new ProxyStartException(ProxyExitCode.Mode, $"this node cannot run mode '{mode}'. Missing: {Sentences(support.Missing)}");
    }

    /// <summary>The backend of that name.</summary>
    /// <exception cref="ProxyStartException">There is none.</exception>
    public IBackend Find(string mode)
    {
        if (catalog.Backends.TryGetValue(mode, out var backend))
        {
            return backend;
        }

        foreach (var conflict in catalog.Conflicts)
        {
            if (conflict.Kind == "backend" && conflict.Name == mode)
            {
                throw new ProxyStartException(ProxyExitCode.Plugin, $"mode '{mode}' cannot be selected: {conflict}");
            }
        }

        throw NoSuchMode(mode);
    }

    private async Task<(IBackend Backend, BackendSupport Support)> SelectBestAsync(CancellationToken cancellationToken)
    {
        var candidates = catalog.Backends.Values.OrderBy(backend => backend.Name, StringComparer.Ordinal).ToArray();
        var answers = await Task.WhenAll(candidates.Select(backend => BackendProbe.RunAsync(backend, time, cancellationToken))).ConfigureAwait(false);
        var best = candidates.Zip(answers)
            .Where(one => one.Second.IsSupported && one.Second.Preference > 0)
            .OrderByDescending(one => one.Second.Preference)
            .ToArray();
        if (best is [var (backend, support), ..])
        {
            return (backend, support);
        }

        var message = new StringBuilder("no backend for mode 'auto'");
        foreach (var (candidate, answer) in candidates.Zip(answers))
        {
            message.Append(CultureInfo.InvariantCulture, $"; {candidate.Name}: ").Append(
                answer.IsSupported ? "supported, but only used when it is named by --mode" : "missing " + Sentences(answer.Missing));
        }

        if (candidates.Length == 0)
        {
            message.Append("; there are no backends at all: check --plugins-dir");
        }

        AppendRefused(message);
        throw new ProxyStartException(candidates.Length == 0 && Refused().Any() ? ProxyExitCode.Plugin : ProxyExitCode.Mode, message.ToString());
    }

    /// <summary>
    /// An unknown name is the operator's slip where it is close to a known one; otherwise a plugin that was refused may be the one
    /// that is meant, and that is what must be mended.
    /// </summary>
    private ProxyStartException NoSuchMode(string mode)
    {
        var names = catalog.Backends.Keys.Order(StringComparer.Ordinal).ToArray();
        var near = names.FirstOrDefault(name => EditDistance(name, mode) <= Math.Max(1, mode.Length / 3));
        var message = new StringBuilder().Append(CultureInfo.InvariantCulture, $"there is no mode '{mode}'");
        if (near is not null)
        {
            message.Append(CultureInfo.InvariantCulture, $" (did you mean '{near}'?)");
        }

        message.Append(names.Length == 0
            ? "; no backend was found: check --plugins-dir"
            : $"; available: {string.Join(", ", names)}, {ServiceProxyOptions.AutoMode}");
        var isInRefused = Refused().Any(refused => refused.Name.Contains(mode, StringComparison.OrdinalIgnoreCase)) || (near is null && Refused().Any());
        AppendRefused(message);
        return new ProxyStartException(isInRefused ? ProxyExitCode.Plugin : ProxyExitCode.Mode, message.ToString());
    }

    private IEnumerable<PluginInfo> Refused() => catalog.Plugins.Where(plugin => !plugin.Problems.IsEmpty);

    private void AppendRefused(StringBuilder message)
    {
        foreach (var plugin in Refused())
        {
            message.Append(CultureInfo.InvariantCulture, $"; plugin {plugin.Name} was refused: {string.Join("; ", plugin.Problems)}");
        }

        foreach (var problem in catalog.DirectoryProblems)
        {
            message.Append("; ").Append(problem);
        }
    }

    private static string Sentences(ImmutableArray<string> missing) => string.Join("; ", missing);

    /// <summary>Levenshtein's: single characters added, removed or replaced.</summary>
    private static int EditDistance(string left, string right)
    {
        var row = Enumerable.Range(0, right.Length + 1).ToArray();
        for (var i = 1; i <= left.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= right.Length; j++)
            {
                var replaced = diagonal + (left[i - 1] == right[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replaced, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[right.Length];
    }
}

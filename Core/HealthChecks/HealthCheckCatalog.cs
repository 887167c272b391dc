using Microsoft.Extensions.Configuration;
using ProxyFramework.Core.Plugins;

namespace ProxyFramework.Core.HealthChecks;

/// <summary>
/// The health checks that plugins brought, and the operator's defaults: the configuration section <c>health-checks</c>, where <c>default</c> is
/// the check of Services that ask for none, the framework's options are defaults for all, and <c>NAME:…</c> is for the check of that name.
/// </summary>
internal sealed class HealthCheckCatalog
{
    public const string Section = "health-checks";

    private const string DefaultName = "default";

    private readonly IReadOnlyDictionary<string, IHealthCheck> _checks;
    private readonly IConfiguration _section;
    private readonly HealthCheckSettings _defaults;

    /// <exception cref="ArgumentException">A setting is wrong; the message says which.</exception>
    public HealthCheckCatalog(IReadOnlyDictionary<string, IHealthCheck> checks, IConfiguration configuration)
    {
        _checks = checks;
        _section = configuration.GetSection(Section);
        var values = _section.GetChildren().Where(child => child.Value is not null).ToDictionary(child => child.Key, child => child.Value!, StringComparer.Ordinal);
        Default = values.Remove(DefaultName, out var name) ? name : null;
        try
        {
            _defaults = new HealthCheckSettings().With(values);
            if (Default is not null and not "none")
            {
                (Create(Default).Probe as IDisposable)?.Dispose();
            }
        }
        catch (ArgumentException problem)
        {
            throw new ArgumentException($"{Section}: {problem.Message}", problem);
        }
    }

    /// <summary>The choice of Services that make none; null for none.</summary>
    public string? Default { get; }

    /// <summary>Makes what a choice says.</summary>
    /// <exception cref="ArgumentException">There is no such check, or an option is wrong; the message says so.</exception>
    public (IHealthCheck Check, IHealthProbe Probe, HealthCheckSettings Settings) Create(string text)
    {
        var choice = NamedChoice.Parse(text);
        if (!_checks.TryGetValue(choice.Name, out var check))
        {
            throw new ArgumentException(
                $"there is no health check '{choice.Name}'; loaded are: {string.Join(", ", _checks.Keys.Order(StringComparer.Ordinal).DefaultIfEmpty("none"))}");
        }

        try
        {
            var settings = _defaults.With(choice.Options.Where(option => IsCommon(option.Key)).ToDictionary());
            var probe = check.CreateProbe(new HealthCheckContext
            {
                Options = choice.Options.Where(option => !IsCommon(option.Key)).ToDictionary(),
                Settings = _section.GetSection(choice.Name),
            });
            return (check, probe, settings);
        }
        catch (Exception problem)
        {
            throw new ArgumentException($"health check '{choice.Name}': {problem.Message}", problem);
        }
    }

    private static bool IsCommon(string option) => HealthCheckSettings.Names.Contains(option);
}

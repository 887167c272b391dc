using Xunit;

namespace ProxyFramework.Core.Tests.Sources;

/// <summary>Tests that measure: nothing else of this assembly runs beside them.</summary>
[CollectionDefinition(nameof(RunsAlone), DisableParallelization = true)]
public class RunsAlone;

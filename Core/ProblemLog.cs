using Microsoft.Extensions.Logging;
using ProxyFramework.Core.Sources;

namespace ProxyFramework.Core;

/// <summary>Says what was refused of the input: each problem once, from any thread.</summary>
internal sealed partial class ProblemLog(ILogger<ProblemLog> logger)
{
    /// <summary>After so many different ones the memory starts afresh: it must not grow with the input's badness.</summary>
    private const int RememberedAtMost = 10_000;

    private readonly HashSet<ObjectProblem> _said = [];

    /// <summary>Logs it unless it was said before.</summary>
    public void Report(ObjectProblem problem)
    {
        lock (_said)
        {
            if (_said.Count >= RememberedAtMost)
            {
                _said.Clear();
            }

            if (!_said.Add(problem))
            {
                return;
            }
        }

        Log.Problem(logger, problem);
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "Refused: {Problem}")]
        public static partial void Problem(ILogger logger, ObjectProblem problem);
    }
}

namespace ProxyFramework;

/// <summary>
/// A scheduler with options. They are written after its name, wherever a scheduler is chosen:
/// <c>proxyframework.io/scheduler: "ring-hash; bound=1.5; port"</c>. An option without a value is on.
/// </summary>
public interface IConfigurableScheduler : IScheduler
{
    /// <summary>
    /// This scheduler with other options than the default ones. What it can do more (<see cref="ISlotScheduler"/>…) may depend on them.
    /// </summary>
    /// <param name="options">Each option given, with its value; at least one. Names are in lower case.</param>
    /// <exception cref="ArgumentException">
    /// An option is not known or its value is out of range; the message, for the operator, says which and what there is.
    /// </exception>
    IScheduler WithOptions(IReadOnlyDictionary<string, string> options);
}

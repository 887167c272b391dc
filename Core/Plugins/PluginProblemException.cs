namespace ProxyFramework.Core.Plugins;

/// <summary>Why one plugin is refused, in words for the operator. It ends in <see cref="PluginInfo.Problems"/> and goes no further.</summary>
internal sealed class PluginProblemException(string message) : Exception(message);

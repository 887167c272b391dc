using Xunit.Sdk;
using Xunit.v3;

[assembly: System.Runtime.Versioning.SupportedOSPlatform("linux")]

// What the source counts is counted for the whole process, and some tests read it.
[assembly: Parallelization(Mode = ParallelMode.None)]

using Xunit.Sdk;
using Xunit.v3;

// Some tests change limits of the whole process, and timing matters in others.
[assembly: Parallelization(Mode = ParallelMode.None)]

using ProxyFramework.Core.Sources.Manifests;
using Xunit;

namespace ProxyFramework.Core.Tests.Sources;

public class PendingPathsTests
{
    private readonly PendingPaths _paths = new(TimeSpan.FromMilliseconds(100), TimeSpan.FromMilliseconds(500));

    [Fact]
    public void Paths_are_due_together_when_all_has_been_quiet()
    {
        Assert.Null(_paths.NextDue);
        _paths.Mark("a", At(0));
        _paths.Mark("b", At(50));
        _paths.Mark("a", At(80));
        Assert.Equal(At(180), _paths.NextDue);
        Assert.Empty(_paths.TakeDue(At(179)));
        Assert.Equal(["a", "b"], _paths.TakeDue(At(180)).Order(StringComparer.Ordinal));
        Assert.Null(_paths.NextDue);
    }

    [Fact]
    public void A_path_that_never_is_quiet_is_due_after_a_while()
    {
        for (var time = 0; time < 500; time += 50)
        {
            _paths.Mark("a", At(time));
            Assert.Empty(_paths.TakeDue(At(time)));
        }

        Assert.Equal(At(500), _paths.NextDue);
        Assert.Equal(["a"], _paths.TakeDue(At(500)));
    }

    [Fact]
    public void A_writer_that_goes_on_does_not_hold_up_others_and_is_not_read_before_its_time()
    {
        _paths.Mark("quiet", At(0));
        _paths.Mark("busy", At(300));
        _paths.Mark("busy", At(390));
        _paths.Mark("busy", At(480));
        Assert.Equal(At(500), _paths.NextDue);
        Assert.Equal(["quiet"], _paths.TakeDue(At(500)));
        Assert.Equal(At(580), _paths.NextDue);
    }

    private static TimeSpan At(int milliseconds) => TimeSpan.FromMilliseconds(milliseconds);
}

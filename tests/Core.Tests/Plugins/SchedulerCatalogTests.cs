using ProxyFramework.Core.Plugins;
using Xunit;

namespace ProxyFramework.Core.Tests.Plugins;

public sealed class SchedulerCatalogTests
{
    private readonly SchedulerCatalog _catalog = new(new Dictionary<string, IScheduler>(StringComparer.Ordinal)
    {
        ["plain"] = new Plain(),
        ["rich"] = new Rich(new Dictionary<string, string>()),
    });

    [Theory]
    [InlineData("rich; size=3", "size=3")]
    [InlineData("rich;size=3;fast", "fast=true size=3")]
    [InlineData("  rich ; Size = 3 ; fast ;", "fast=true size=3")]
    [InlineData("rich; text=a=b", "text=a=b")]
    [InlineData("rich;", "")]
    public void Options_follow_the_name(string text, string expected) =>
        Assert.Equal(expected, Assert.IsType<Rich>(_catalog.Find(text)).Text);

    [Fact]
    public void The_same_choice_is_the_same_scheduler_so_that_pickers_can_carry_on()
    {
        Assert.Same(_catalog.Find("rich; size=3"), _catalog.Find("rich; size=3"));
        Assert.NotSame(_catalog.Find("rich; size=3"), _catalog.Find("rich; size=4"));
        Assert.Same(_catalog.Find("rich"), _catalog.Find("rich;"));
        Assert.Same(_catalog.Find("plain"), _catalog.Find("plain"));
    }

    [Theory]
    [InlineData("none", "there is no scheduler 'none'; loaded are: plain, rich")]
    [InlineData("none; size=3", "there is no scheduler 'none'; loaded are: plain, rich")]
    [InlineData("", "there is no scheduler ''; loaded are: plain, rich")]
    [InlineData("plain; size=3", "scheduler 'plain' has no options, but these are given: size")]
    [InlineData("rich; size=3; size=4", "scheduler 'rich': the option 'size' is given twice")]
    [InlineData("rich; refuse", "scheduler 'rich': it does not want to")]
    public void What_cannot_be_chosen_is_explained(string text, string expected)
    {
        Assert.Null(_catalog.Find(text));
        Assert.Equal(expected, _catalog.WhyNot(text));
    }

    [Fact]
    public void Any_number_of_different_annotations_takes_bounded_memory()
    {
        WeakReference Choose(int number) => new(_catalog.Find($"rich; size={number}"));
        var first = Choose(0);
        for (var number = 1; number < 5000; number++)
        {
            Choose(number);
        }

        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        Assert.False(first.IsAlive);
    }

    private sealed class Plain : IScheduler
    {
        public string Name => "plain";

        public bool NeedsLoads => false;

        public IEndpointPicker CreatePicker(PickerContext context) => throw new InvalidOperationException("nothing is picked here");
    }

    private sealed class Rich(IReadOnlyDictionary<string, string> options) : IConfigurableScheduler
    {
        public string Name => "rich";

        public bool NeedsLoads => false;

        public string Text => string.Join(' ', options.Select(option => $"{option.Key}={option.Value}").Order(StringComparer.Ordinal));

        public IEndpointPicker CreatePicker(PickerContext context) => throw new InvalidOperationException("nothing is picked here");

        public IScheduler WithOptions(IReadOnlyDictionary<string, string> options) =>
            options.ContainsKey("refuse") ? throw new ArgumentException("it does not want to") : new Rich(options);
    }
}

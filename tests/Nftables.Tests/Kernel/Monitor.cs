using System.Diagnostics;
using Xunit;

namespace ProxyFramework.Nftables.Tests.Kernel;

/// <summary><c>nft monitor</c>: the kernel's own account of what changes.</summary>
internal sealed class Monitor : IDisposable
{
    private const string Mark = "svcproxy-test-mark";

    private readonly Node _node;
    private readonly Process _process;
    private readonly List<string> _lines = [];
    private readonly ManualResetEventSlim _started = new();
    private readonly ManualResetEventSlim _ended = new();
    private int _marks;

    public Monitor(Node node)
    {
        _node = node;
        _process = node.Namespace.Start("nft", "monitor");
        _process.OutputDataReceived += (_, line) => Take(line.Data);
        _process.BeginOutputReadLine();

        // It prints nothing when it is ready; a change that it reports tells.
        while (!_started.Wait(TimeSpan.FromMilliseconds(50), TestContext.Current.CancellationToken))
        {
            AddMark();
        }
    }

    /// <summary>What was reported so far.</summary>
    public IReadOnlyList<string> Stop()
    {
        _marks = 0;
        AddMark();
        var isAlive = _ended.Wait(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.True(isAlive, $"nft monitor says nothing any more{(_process.HasExited ? $", it ended with {_process.ExitCode}: {_process.StandardError.ReadToEnd()}" : "")}");
        lock (_lines)
        {
            return [.. _lines.Where(line => !line.Contains(Mark, StringComparison.Ordinal))];
        }
    }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        _started.Dispose();
        _ended.Dispose();
    }

    private void AddMark() => _node.Namespace.ExecWithInput($"table arp {Mark}\ndelete table arp {Mark}\n", "nft", "-f", "-");

    private void Take(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_lines)
        {
            _lines.Add(line);
        }

        if (line.Contains($"delete table arp {Mark}", StringComparison.Ordinal))
        {
            if (_started.IsSet && ++_marks > 0)
            {
                _ended.Set();
            }

            _started.Set();
        }
    }
}

using System.Diagnostics;
using System.Text;

namespace ProxyFramework.Backends.Iptables.Programs;

/// <summary>How a program ended.</summary>
/// <param name="ExitCode">0 where it did what it was asked.</param>
/// <param name="Output">What it printed.</param>
/// <param name="Error">What it complained about.</param>
internal readonly record struct ProgramResult(int ExitCode, string Output, string Error);

/// <summary>A program that is at work, in the network namespace of the thread that started it.</summary>
internal sealed class RunningProgram : IDisposable
{
    private const int BufferSize = 1 << 16;

    private readonly Process _process;
    private readonly StreamWriter _input;
    private readonly Task<string> _output;
    private readonly Task<string> _error;
    private readonly CancellationTokenRegistration _ending;
    private readonly CancellationToken _cancellation;

    public RunningProgram(string path, IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        _cancellation = cancellationToken;
        _process = new Process
        {
            StartInfo = new(path, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true },
        };
        _process.StartInfo.Environment["LC_ALL"] = "C";
        _process.Start();
        _ending = cancellationToken.Register(static state => ((Process)state!).Kill(), _process);
        _output = _process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        _error = _process.StandardError.ReadToEndAsync(CancellationToken.None);
        _input = new StreamWriter(_process.StandardInput.BaseStream, new UTF8Encoding(false), BufferSize);
    }

    /// <summary>Writes to its standard input. Where it has ended before it read all, what it says tells why.</summary>
    public void Write(ReadOnlySpan<char> text)
    {
        try
        {
            _input.Write(text);
        }
        catch (IOException)
        {
            // See Finish.
        }
    }

    /// <summary>Ends its input and waits for it.</summary>
    /// <exception cref="OperationCanceledException">It was cancelled, and ended by force.</exception>
    public ProgramResult Finish()
    {
        try
        {
            _input.Close();
        }
        catch (IOException)
        {
            // It ended before it had read all.
        }

        _process.WaitForExit();
        Task.WaitAll([_output, _error], CancellationToken.None);
        _cancellation.ThrowIfCancellationRequested();
        return new(_process.ExitCode, _output.Result, _error.Result);
    }

    /// <summary>Ends it by force where it is still at work: an iptables-restore that has not read COMMIT has changed nothing.</summary>
    public void Dispose()
    {
        _ending.Dispose();
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }
}

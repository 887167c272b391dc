using System.Globalization;
using System.Runtime.ExceptionServices;
using Microsoft.Win32.SafeHandles;

namespace ProxyFramework.Behaviour.Testbed;

/// <summary>
/// A network namespace with a name (<c>ip netns</c>). The name carries the id of this process, so that runs side by side do not
/// meet, and so that what a killed run left behind is recognised and removed.
/// </summary>
public sealed class NetworkNamespace : IAsyncDisposable
{
    private const string Prefix = "svb-";
    private const string Folder = "/run/netns";
    private static readonly Lazy<Task> StaleRemoved = new(RemoveStaleAsync);

    private readonly SafeFileHandle _handle;

    private NetworkNamespace(string name, SafeFileHandle handle)
    {
        Name = name;
        _handle = handle;
    }

    /// <summary>The name that <c>ip netns exec</c> takes.</summary>
    public string Name { get; }

    public static async Task<NetworkNamespace> CreateAsync(int world, string role)
    {
        await StaleRemoved.Value;
        var name = string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Environment.ProcessId}-{world}-{role}");
        await Tool.RunAsync("ip", ["netns", "add", name]);
        return new NetworkNamespace(name, File.OpenHandle(Path.Combine(Folder, name)));
    }

    /// <summary>
    /// Runs a function on a thread inside this namespace. A socket made there belongs to the namespace for its whole life and can
    /// be used from any thread afterwards.
    /// </summary>
    public T Run<T>(Func<T> function)
    {
        T? result = default;
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                Enter();
                result = function();
            }
            catch (Exception exception)
            {
                failure = ExceptionDispatchInfo.Capture(exception);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
        return result!;
    }

    /// <summary>Runs commands of <c>ip -batch</c> inside this namespace.</summary>
    public Task IpAsync(params string[] commands) =>
        Tool.RunAsync("ip", ["-n", Name, "-batch", "-"], string.Join('\n', commands) + "\n");

    /// <summary>Runs a program inside this namespace.</summary>
    public Task<string> ExecAsync(string program, params string[] arguments) =>
        Tool.RunAsync("ip", ["netns", "exec", Name, program, .. arguments]);

    /// <summary>As <see cref="ExecAsync"/>, with text for its standard input.</summary>
    public Task<string> ExecWithInputAsync(string input, string program, params string[] arguments) =>
        Tool.RunAsync("ip", ["netns", "exec", Name, program, .. arguments], input);

    /// <summary>As <see cref="ExecAsync"/>, for programs that may fail.</summary>
    public Task<(int ExitCode, string Output, string Error)> TryExecAsync(string program, params string[] arguments) =>
        Tool.TryRunAsync("ip", ["netns", "exec", Name, program, .. arguments]);

    /// <summary>Sets <c>/proc/sys</c> values, <c>name=value</c>; a name that starts with <c>?</c> may be absent.</summary>
    public void Sysctl(params string[] settings) => Run(() =>
    {
        foreach (var setting in settings)
        {
            var optional = setting.StartsWith('?');
            var (name, value) = (setting.TrimStart('?').Split('=')[0], setting.Split('=')[1]);
            var path = SysctlPath(name);
            if (!optional || File.Exists(path))
            {
                File.WriteAllText(path, value);
            }
        }

        return true;
    });

    /// <summary>Reads a <c>/proc/sys</c> value; null where it does not exist.</summary>
    public string? ReadSysctl(string name) =>
        Run(() => File.Exists(SysctlPath(name)) ? File.ReadAllText(SysctlPath(name)).Trim() : null);

    public async ValueTask DisposeAsync()
    {
        _handle.Dispose();
        await Tool.TryRunAsync("ip", ["netns", "delete", Name]);
    }

    // The kernel shows each thread the values of the namespace that the thread is in.
    private static string SysctlPath(string name) => "/proc/sys/" + name.Replace('.', '/');

    private static async Task RemoveStaleAsync()
    {
        if (!Directory.Exists(Folder))
        {
            return;
        }

        foreach (var path in Directory.EnumerateFiles(Folder, Prefix + "*"))
        {
            var name = Path.GetFileName(path);
            if (int.TryParse(name[Prefix.Length..].Split('-')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var pid)
                && pid != Environment.ProcessId && !Directory.Exists($"/proc/{pid}"))
            {
                await Tool.TryRunAsync("ip", ["netns", "delete", name]);
            }
        }
    }

    private void Enter()
    {
        if (Native.setns((int)_handle.DangerousGetHandle(), Native.CLONE_NEWNET) != 0)
        {
            throw new InvalidOperationException($"setns to {Name} failed (root is needed)", new System.ComponentModel.Win32Exception());
        }
    }
}

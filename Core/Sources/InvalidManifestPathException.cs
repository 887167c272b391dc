namespace ProxyFramework.Core.Sources;

/// <summary>A path that was given for manifests is neither a file nor a folder that can be read. The message is for the operator.</summary>
public sealed class InvalidManifestPathException : IOException
{
    /// <summary>An error without further explanation.</summary>
    public InvalidManifestPathException()
    {
    }

    /// <summary>An error with a message for the operator.</summary>
    public InvalidManifestPathException(string message)
        : base(message)
    {
    }

    /// <summary>An error with a message for the operator and its cause.</summary>
    public InvalidManifestPathException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

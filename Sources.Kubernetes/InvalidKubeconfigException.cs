namespace ProxyFramework.Sources.Kubernetes;

/// <summary>The kubeconfig, or the pod's service account, cannot be used. The message is for the operator.</summary>
public sealed class InvalidKubeconfigException : Exception
{
    /// <summary>An error without further explanation.</summary>
    public InvalidKubeconfigException()
    {
    }

    /// <summary>An error with a message for the operator.</summary>
    public InvalidKubeconfigException(string message)
        : base(message)
    {
    }

    /// <summary>An error with a message for the operator and its cause.</summary>
    public InvalidKubeconfigException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

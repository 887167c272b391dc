using System.Net;

namespace ProxyFramework.Sources.Kubernetes;

/// <summary>The API server answered with an error, as status of a response or as <c>ERROR</c> event of a watch.</summary>
internal sealed class ApiServerException(HttpStatusCode status, string reason, string message, TimeSpan? retryAfter = null)
    : Exception($"the API server answered {(int)status} {reason}{(message.Length > 0 ? ": " + message : "")}")
{
    public HttpStatusCode Status => status;

    /// <summary>The Status object's <c>reason</c>, or else the HTTP reason phrase.</summary>
    public string Reason => reason;

    /// <summary>What <c>Retry-After</c> asks for; null where it is absent.</summary>
    public TimeSpan? RetryAfter => retryAfter;

    /// <summary>
    /// Whether the version that was asked for is too old, or unknown to a server whose data was set back: everything has to be listed again.
    /// </summary>
    public bool IsExpired =>
        status == HttpStatusCode.Gone || reason is "Expired" or "Gone"
        || (status == HttpStatusCode.GatewayTimeout && base.Message.Contains("Too large resource version", StringComparison.Ordinal));

    /// <summary>Whether the server does not know what it was asked for, as those do that have no streaming lists.</summary>
    public bool IsRefusedRequest =>
        status is HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity or HttpStatusCode.MethodNotAllowed or HttpStatusCode.NotAcceptable;
}

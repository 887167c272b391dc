using Microsoft.AspNetCore.Http;

namespace ProxyFramework.Host.Http;

/// <summary>Short answers as plain text.</summary>
internal static class PlainAnswers
{
    /// <summary>Answers with a text.</summary>
    public static Task PlainAsync(this HttpResponse response, string text, CancellationToken cancellation)
    {
        response.ContentType = "text/plain; charset=utf-8";
        response.Headers.XContentTypeOptions = "nosniff";
        return response.WriteAsync(text, cancellation);
    }

    /// <summary>Answers that there is no such page, and what there is.</summary>
    public static Task NotFoundAsync(this HttpResponse response, string pages)
    {
        response.StatusCode = StatusCodes.Status404NotFound;
        return response.PlainAsync($"404 page not found; there are {pages}\n", CancellationToken.None);
    }
}

using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace ProxyFramework.ApiServerStandIn;

/// <summary>Requests for objects: the verbs of the API over the store.</summary>
internal sealed class ObjectRequests(ObjectStore store, Faults faults)
{
    private static readonly TimeSpan DefaultWatchTime = TimeSpan.FromMinutes(30);

    private readonly Admission _admission = new();
    private readonly ConcurrentDictionary<WatchSession, bool> _watches = [];

    // The rest of each paged list, by its continue token.
    private readonly ConcurrentDictionary<string, (StoredObject[] Remaining, long Version, int Page)> _pages = [];

    public IEnumerable<WatchSession> Watches => _watches.Keys;

    /// <summary>Lists that are under way cannot go on, as after a compaction of etcd.</summary>
    public void ForgetPages() => _pages.Clear();

    /// <summary>Answers a request if its path is one of objects.</summary>
    public async Task<bool> TryHandleAsync(HttpContext context)
    {
        var parts = context.Request.Path.Value!.Split('/', StringSplitOptions.RemoveEmptyEntries);
        var (group, version, rest) = parts switch
        {
            ["api", var v, .. var more] => ("", v, more),
            ["apis", var g, var v, .. var more] => (g, v, more),
            _ => ("", "", []),
        };
        string? space = null;
        if (rest is ["namespaces", var inside, _, ..])
        {
            (space, rest) = (inside, rest[2..]);
        }

        if (rest.Length is 0 or > 3 || ResourceType.Find(group, version, rest[0]) is not { } type)
        {
            return false;
        }

        var name = rest.Length > 1 ? rest[1] : null;
        await ((context.Request.Method, name) switch
        {
            ("GET", null) when context.Request.Query["watch"] is ["true" or "1"] => WatchAsync(context, type, space),
            ("GET", null) => ListAsync(context, type, space),
            ("GET", { } one) => AnswerAsync(context, 200, Require(type, space, one).Json),
            ("POST", null) => CreateAsync(context, type, space),
            ("PUT", { } one) => ReplaceAsync(context, type, space, one),
            ("PATCH", { } one) => PatchAsync(context, type, space, one),
            ("DELETE", { } one) => DeleteAsync(context, type, space, one),
            _ => throw new ApiErrorException(405, "MethodNotAllowed", "the server does not allow this method on the requested resource"),
        });
        return true;
    }

    private async Task ListAsync(HttpContext context, ResourceType type, string? space)
    {
        var query = context.Request.Query;
        var selector = new Selector(query["labelSelector"], query["fieldSelector"]);
        var limit = int.TryParse(query["limit"], CultureInfo.InvariantCulture, out var given) && given > 0 ? given : int.MaxValue;
        StoredObject[] objects;
        long version;
        var page = 0;
        if (query["continue"] is [{ Length: > 0 } token])
        {
            (objects, version, page) = _pages.TryRemove(token, out var kept)
                ? kept
                : throw new ApiErrorException(410, "Expired", "The provided continue parameter is too old to display a consistent list result.");
        }
        else
        {
            (objects, version) = store.List(type);
            if (long.TryParse(query["resourceVersion"], CultureInfo.InvariantCulture, out var wanted) && wanted > version)
            {
                throw new ApiErrorException(504, "Timeout", $"Too large resource version: {wanted}, current: {version}");
            }

            objects = [.. objects.Where(one => (space is null || one.Namespace == space) && selector.Matches(one))];
        }

        faults.BeforePage?.Invoke(page);
        var next = "";
        if (objects.Length > limit)
        {
            next = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{version}/{Guid.NewGuid()}"));
            _pages[next] = (objects[limit..], version, page + 1);
            objects = objects[..limit];
        }

        var metadata = new JsonObject { ["resourceVersion"] = version.ToString(CultureInfo.InvariantCulture) };
        if (next.Length > 0)
        {
            metadata["continue"] = next;
        }

        // Items of typed lists do not say what they are, as the real server's do not.
        context.Response.ContentType = "application/json";
        var writer = context.Response.BodyWriter;
        await writer.WriteAsync(Encoding.UTF8.GetBytes(
            $"{{\"kind\":\"{type.Kind}List\",\"apiVersion\":\"{type.ApiVersion}\",\"metadata\":{metadata.ToJsonString()},\"items\":["));
        for (var i = 0; i < objects.Length; i++)
        {
            if (i > 0)
            {
                await writer.WriteAsync(","u8.ToArray());
            }

            var item = objects[i].ToNode();
            item.Remove("kind");
            item.Remove("apiVersion");
            await writer.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(item));
        }

        await writer.WriteAsync("]}\n"u8.ToArray());
    }

    private async Task WatchAsync(HttpContext context, ResourceType type, string? space)
    {
        var query = context.Request.Query;
        var sendsInitial = query["sendInitialEvents"] is ["true"];
        if (!faults.HasStreamingLists && (sendsInitial || query.ContainsKey("resourceVersionMatch")))
        {
            throw new ApiErrorException(
                422,
                "Invalid",
                "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled");
        }

        var selector = new Selector(query["labelSelector"], query["fieldSelector"]);
        var version = (string?)query["resourceVersion"] ?? "";
        StoredObject[] initial = [];
        long start;
        System.Threading.Channels.ChannelReader<Change>? changes;
        if (sendsInitial || version is "" or "0")
        {
            (initial, start, changes) = store.ListAndSubscribe(type);
        }
        else
        {
            start = long.Parse(version, CultureInfo.InvariantCulture);
            changes = store.Subscribe(type, start);
        }

        if (changes is null)
        {
            var expired = new ApiErrorException(410, "Expired", $"too old resource version: {version} ({store.Version})");
            if (faults.TellsExpiryByStatus)
            {
                throw expired;
            }

            context.Response.ContentType = "application/json";
            await context.Response.WriteAsync($"{{\"type\":\"ERROR\",\"object\":{expired.ToStatus().ToJsonString()}}}\n");
            return;
        }

        var limit = int.TryParse(query["timeoutSeconds"], CultureInfo.InvariantCulture, out var seconds) ? TimeSpan.FromSeconds(seconds) : DefaultWatchTime;
        using var session = new WatchSession(type, selector, space, query["allowWatchBookmarks"] is ["true"], faults, context);
        _watches[session] = true;
        try
        {
            await session.RunAsync(initial, start, sendsInitial, changes, limit);
        }
        finally
        {
            _watches.TryRemove(session, out _);
            store.Unsubscribe(changes);
        }
    }

    private async Task CreateAsync(HttpContext context, ResourceType type, string? space)
    {
        var value = (await BodyAsync(context)).AsObject();
        Place(type, value, space);
        _admission.Admit(type, value);
        var name = (string)value["metadata"]!["name"]!;
        if (store.Find(type, Space(type, space), name) is not null)
        {
            throw new ApiErrorException(409, "AlreadyExists", $"{type.Plural} \"{name}\" already exists");
        }

        await AnswerAsync(context, 201, IsDryRun(context) ? Bytes(value) : store.Put(type, value).Json);
    }

    private async Task ReplaceAsync(HttpContext context, ResourceType type, string? space, string name)
    {
        var before = Require(type, space, name);
        var value = (await BodyAsync(context)).AsObject();
        Place(type, value, space);
        await StoreAsync(context, type, before, value);
    }

    private async Task PatchAsync(HttpContext context, ResourceType type, string? space, string name)
    {
        var before = Require(type, space, name);
        await StoreAsync(context, type, before, Patches.Apply(type, before.ToNode(), await BodyAsync(context), context.Request.ContentType));
    }

    private async Task StoreAsync(HttpContext context, ResourceType type, StoredObject before, JsonObject value)
    {
        var seen = (string?)value["metadata"]?["resourceVersion"];
        if (!string.IsNullOrEmpty(seen) && seen != before.Version.ToString(CultureInfo.InvariantCulture))
        {
            throw new ApiErrorException(
                409,
                "Conflict",
                $"Operation cannot be fulfilled on {type.Plural} \"{before.Name}\": the object has been modified; please apply your changes to the latest version and try again");
        }

        value["metadata"]!["uid"] ??= (string?)before.ToNode()["metadata"]!["uid"];
        _admission.Admit(type, value);

        // What changes nothing makes no new version, in the real server either.
        if (IsDryRun(context) || JsonNode.DeepEquals(value, before.ToNode()))
        {
            await AnswerAsync(context, 200, Bytes(value));
        }
        else
        {
            await AnswerAsync(context, 200, store.Put(type, value).Json);
        }
    }

    private Task DeleteAsync(HttpContext context, ResourceType type, string? space, string name)
    {
        var before = Require(type, space, name);
        var last = IsDryRun(context) ? before : store.Delete(type, before.Namespace, name) ?? before;
        return AnswerAsync(context, 200, last.Json);
    }

    private StoredObject Require(ResourceType type, string? space, string name) =>
        store.Find(type, Space(type, space), name) ?? throw new ApiErrorException(404, "NotFound", $"{type.Plural} \"{name}\" not found");

    private static string Space(ResourceType type, string? space) => type.IsNamespaced ? space ?? "default" : "";

    private static void Place(ResourceType type, JsonObject value, string? space)
    {
        if (type.IsNamespaced && value["metadata"] is JsonObject metadata)
        {
            metadata["namespace"] = space ?? "default";
        }
    }

    private static bool IsDryRun(HttpContext context) => context.Request.Query["dryRun"] is ["All"];

    private static async Task<JsonNode> BodyAsync(HttpContext context)
    {
        try
        {
            return await JsonNode.ParseAsync(context.Request.Body, cancellationToken: context.RequestAborted)
                ?? throw new ApiErrorException(400, "BadRequest", "the body of the request is empty");
        }
        catch (JsonException error)
        {
            throw new ApiErrorException(400, "BadRequest", $"the body of the request is not JSON: {error.Message}");
        }
    }

    private static byte[] Bytes(JsonObject value) => JsonSerializer.SerializeToUtf8Bytes(value);

    private static Task AnswerAsync(HttpContext context, int code, byte[] json)
    {
        context.Response.StatusCode = code;
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = json.Length;
        return context.Response.Body.WriteAsync(json, context.RequestAborted).AsTask();
    }
}

using System.Text.Json.Nodes;

namespace ProxyFramework.ApiServerStandIn;

/// <summary>An answer that is a failure, described by a Status object.</summary>
public sealed class ApiErrorException(int code, string reason, string message, JsonObject? details = null) : Exception(message)
{
    public int Code => code;

    /// <summary>An object that cannot be, because of one of its fields.</summary>
    public static ApiErrorException Invalid(ResourceType type, string name, string field, string problem) => new(
        422,
        "Invalid",
        $"{type.Kind} \"{name}\" is invalid: {field}: {problem}",
        new JsonObject
        {
            ["name"] = name,
            ["kind"] = type.Kind,
            ["causes"] = new JsonArray(new JsonObject { ["reason"] = "FieldValueInvalid", ["message"] = problem, ["field"] = field }),
        });

    public JsonObject ToStatus()
    {
        var status = Status(code, reason, Message);
        if (details is not null)
        {
            status["details"] = details.DeepClone();
        }

        return status;
    }

    public static JsonObject Status(int code, string reason, string message) => new()
    {
        ["kind"] = "Status",
        ["apiVersion"] = "v1",
        ["metadata"] = new JsonObject(),
        ["status"] = "Failure",
        ["message"] = message,
        ["reason"] = reason,
        ["code"] = code,
    };
}

using System.Text;
using ProxyFramework.Core.Objects;
using ProxyFramework.Core.Sources.Manifests;
using Xunit;

namespace ProxyFramework.Core.Tests.Sources;

public class ManifestReaderTests
{
    [Fact]
    public void What_kubectl_get_writes_is_read()
    {
        var contents = Read("all.yaml", """
            apiVersion: v1
            items:
            - apiVersion: v1
              kind: Service
              metadata:
                annotations:
                  kubectl.kubernetes.io/last-applied-configuration: |
                    {"apiVersion":"v1","kind":"Service","metadata":{"annotations":{},"name":"web","namespace":"shop"},"spec":{"ports":[{"port":80}]}}
                  proxyframework.io/scheduler: random
                creationTimestamp: "2024-05-01T10:00:00Z"
                managedFields:
                - apiVersion: v1
                  fieldsType: FieldsV1
                  fieldsV1:
                    f:spec:
                      f:ports:
                        .: {}
                        k:{"port":80,"protocol":"TCP"}:
                          .: {}
                          f:port: {}
                  manager: kubectl-client-side-apply
                  operation: Update
                  time: "2024-05-01T10:00:00Z"
                name: web
                namespace: shop
                resourceVersion: "1234"
                uid: 6b5c1a54-6a0c-4b52-8a41-d2ac6b0d2d65
              spec:
                clusterIP: 10.96.12.3
                clusterIPs:
                - 10.96.12.3
                internalTrafficPolicy: Cluster
                ipFamilies:
                - IPv4
                ipFamilyPolicy: SingleStack
                ports:
                - name: http
                  port: 80
                  protocol: TCP
                  targetPort: 8080
                selector:
                  app: web
                sessionAffinity: None
                type: ClusterIP
              status:
                loadBalancer: {}
            - addressType: IPv4
              apiVersion: discovery.k8s.io/v1
              endpoints:
              - addresses:
                - 10.244.1.5
                conditions:
                  ready: true
                  serving: true
                  terminating: false
                nodeName: node-1
                targetRef:
                  kind: Pod
                  name: web-5d4f8c7b9-x2x7k
                  namespace: shop
                zone: zone-a
              kind: EndpointSlice
              metadata:
                annotations:
                  endpoints.kubernetes.io/last-change-trigger-time: "2024-05-01T10:00:03Z"
                generateName: web-
                generation: 3
                labels:
                  endpointslice.kubernetes.io/managed-by: endpointslice-controller.k8s.io
                  kubernetes.io/service-name: web
                name: web-7hb2k
                namespace: shop
                ownerReferences:
                - apiVersion: v1
                  blockOwnerDeletion: true
                  controller: true
                  kind: Service
                  name: web
                  uid: 6b5c1a54-6a0c-4b52-8a41-d2ac6b0d2d65
              ports:
              - name: http
                port: 8080
                protocol: TCP
            kind: List
            metadata:
              resourceVersion: ""
            """);
        Assert.Empty(contents.Problems);
        Assert.Equal(["Service shop/web", "EndpointSlice shop/web-7hb2k"], Names(contents));
        Assert.Equal("10.96.12.3", ((Service)contents.Objects[0].Value).ClusterIPs[0].ToString());
        Assert.Equal("scheduler", ((Service)contents.Objects[0].Value).Annotations[0].Key);
        Assert.Equal("10.244.1.5", ((EndpointSlice)contents.Objects[1].Value).Endpoints[0].Address.ToString());
    }

    [Fact]
    public void Problems_name_file_document_line_item_object_and_field()
    {
        var contents = Read("web.yaml", """
            apiVersion: v1
            kind: Node
            metadata: {name: node-1}
            ---
            apiVersion: v1
            kind: List
            items:
            - {apiVersion: v1, kind: Node, metadata: {name: node-2}}
            - apiVersion: v1
              kind: Service
              metadata: {name: web}
              spec:
                clusterIPs: [10.96.0.1, 10.96.0.300]
                ports: [{port: 80}]
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: web, name: web}
            ---
            apiVersion: v1
            kind: Node
            """);
        Assert.Equal(
            [
                "web.yaml, document 2 (line 4), items[1]: Service default/web: spec.clusterIPs[1]: '10.96.0.300' is not an IP address",
                "web.yaml, document 3 (line 15): line 18, column 23: the key 'name' occurs twice",
                "web.yaml, document 4 (line 19): Node: metadata.name: is missing",
            ],
            contents.Problems.Select(problem => problem.ToString()));
        Assert.True(contents.IsBroken);
        Assert.Equal(["Node node-1", "Node node-2", "Service default/web"], Names(contents));
    }

    [Fact]
    public void A_bad_field_does_not_make_the_file_broken()
    {
        var contents = Read("web.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {externalIPs: [x], ports: [{port: 80}]}");
        Assert.Single(contents.Problems);
        Assert.False(contents.IsBroken);
    }

    [Theory]
    [InlineData("v1", "ServiceList", "spec: {ports: [{port: 80}]}", "Service default/a")]
    [InlineData("discovery.k8s.io/v1", "EndpointSliceList", "addressType: IPv4", "EndpointSlice default/a")]
    [InlineData("v1", "NodeList", "spec: {}", "Node a")]
    public void Items_of_typed_lists_take_their_kind_from_the_list(string apiVersion, string kind, string field, string expected)
    {
        var contents = Read("a.yaml", $"apiVersion: {apiVersion}\nkind: {kind}\nitems:\n- metadata: {{name: a}}\n  {field}\n");
        Assert.Empty(contents.Problems);
        Assert.Equal([expected], Names(contents));
    }

    [Fact]
    public void Items_before_the_kind_of_their_list_are_read()
    {
        var contents = Read("a.json", """{"items":[{"metadata":{"name":"a"}}],"kind":"NodeList","apiVersion":"v1"}""");
        Assert.Equal(["Node a"], Names(contents));
    }

    [Fact]
    public void Other_kinds_are_collected_and_are_no_problem()
    {
        var contents = Read("a.yaml", "apiVersion: apps/v1\nkind: Deployment\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod}\n- {apiVersion: apps/v1, kind: Deployment}\n---\napiVersion: x/v1\nkind: AllowList\nspec: 1\n");
        Assert.Empty(contents.Problems);
        Assert.False(contents.IsBroken);
        Assert.Equal(["apps/v1 Deployment", "v1 Pod", "x/v1 AllowList"], contents.OtherKinds.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("apiVersion: v1\nkind: List\nitems: 5", "a.yaml, document 1 (line 1): List: items: expected a list, found 5")]
    [InlineData("apiVersion: v1\nkind: List\nitems: [5]", "a.yaml, document 1 (line 1), items[0]: expected an object, found 5")]
    [InlineData("apiVersion: v1\nkind: List\nitems: [{metadata: {name: a}}]", "a.yaml, document 1 (line 1), items[0]: default/a: kind: is missing")]
    [InlineData("just text", "a.yaml, document 1 (line 1): expected an object, found 'just text'")]
    public void A_document_that_is_no_object_is_reported(string text, string problem)
    {
        var contents = Read("a.yaml", text);
        Assert.Equal([problem], contents.Problems.Select(p => p.ToString()));
        Assert.True(contents.IsBroken);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n\n")]
    [InlineData("# nothing\n---\n# still nothing\n---\n")]
    [InlineData("apiVersion: v1\nkind: List\nitems:\n")]
    [InlineData("apiVersion: v1\nkind: List\nitems: []\n")]
    public void Nothing_is_no_problem(string text)
    {
        var contents = Read("a.yaml", text);
        Assert.Empty(contents.Problems);
        Assert.Empty(contents.Objects);
        Assert.False(contents.IsBroken);
    }

    [Fact]
    public void JSON_documents_may_follow_one_another()
    {
        var contents = Read("a.json", """
            {"apiVersion":"v1","kind":"Node","metadata":{"name":"a"}}
            {"apiVersion":"v1","kind":"Node","metadata":{"name":"b"}}

            {"apiVersion":"v1","kind":"Node","metadata":{"name":5}}
            {"apiVersion":"v1","kind":"Node",
            """);
        Assert.Equal(["Node a", "Node b"], Names(contents));
        Assert.Equal("a.json, document 3 (line 4): Node: metadata.name: expected a string, found 5", contents.Problems[0].ToString());
        Assert.StartsWith("a.json, document 4 (line 5): is not JSON: line 5, byte ", contents.Problems[1].ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Half_of_a_surrogate_pair_in_a_list_costs_its_document_alone()
    {
        var contents = Read("a.json", """{"kind":"NodeList","apiVersion":"v1","\ud800":1,"items":[]} {"apiVersion":"v1","kind":"Node","metadata":{"name":"a"}}""");
        Assert.Equal(["a.json, document 1 (line 1): holds text that is not Unicode"], contents.Problems.Select(p => p.ToString()));
        Assert.Equal(["Node a"], Names(contents));
    }

    [Fact]
    public void JSON_indented_with_tabs_is_read_in_a_YAML_file()
    {
        var contents = Read("a.yaml", "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"Node\",\n\t\"metadata\": {\"name\": \"a\"}\n}\n");
        Assert.Equal(["Node a"], Names(contents));
    }

    [Fact]
    public void A_byte_order_mark_and_Windows_line_ends_are_no_problem()
    {
        var contents = Read("a.yaml", "\uFEFFapiVersion: v1\r\nkind: Node\r\nmetadata:\r\n  name: a\r\n---\r\napiVersion: v1\r\nkind: Node\r\nmetadata:\r\n  name: b\r\n");
        Assert.Empty(contents.Problems);
        Assert.Equal(["Node a", "Node b"], Names(contents));
    }

    [Fact]
    public void Text_that_is_not_UTF8_is_reported()
    {
        var strings = new InternedStrings();
        var contents = ManifestReader.Read("a.yaml", [0x61, 0xFF, 0xFE], strings, new ManifestDocumentReader(strings));
        Assert.Equal("a.yaml: is not UTF-8 text", contents.Problems.Single().ToString());
        Assert.True(contents.IsBroken);
    }

    [Fact]
    public void Many_documents_are_read_in_the_files_order()
    {
        var text = string.Concat(Enumerable.Range(0, 2000).Select(i => $"---\napiVersion: v1\nkind: Node\nmetadata: {{name: n{i}}}\n"));
        Assert.Equal(Enumerable.Range(0, 2000).Select(i => $"Node n{i}"), Names(Read("a.yaml", text)));
    }

    internal static IEnumerable<string> Names(ManifestContents contents) =>
        contents.Objects.Select(found => ProxyFramework.Core.Sources.ObjectKey.Of(found.Value).ToString());

    internal static ManifestContents Read(string file, string text)
    {
        var strings = new InternedStrings();
        return ManifestReader.Read(file, Encoding.UTF8.GetBytes(text), strings, new ManifestDocumentReader(strings));
    }
}

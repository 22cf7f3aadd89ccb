"""Fill moto through boto3 with what it keeps: a memory with tags and events, a gateway with a target, an agent runtime."""
import datetime, json
import boto3

ctl, data = boto3.client("bedrock-agentcore-control"), boto3.client("bedrock-agentcore")
role = "arn:aws:iam::123456789012:role/r"
mem = ctl.create_memory(name="shop", eventExpiryDuration=90, description="x", tags={"team": "a"},
                        memoryStrategies=[{"semanticMemoryStrategy": {"name": "facts", "namespaces": ["/facts/{actorId}"]}}])["memory"]["id"]
for i in range(3):
    data.create_event(memoryId=mem, actorId="ada", sessionId="s1", eventTimestamp=datetime.datetime.now(datetime.timezone.utc),
                      payload=[{"conversational": {"role": "USER", "content": {"text": f"hi {i}"}}}])
gw = ctl.create_gateway(name="gw", roleArn=role, protocolType="MCP", authorizerType="NONE")["gatewayId"]
tool = {"name": "lookup", "description": "d", "inputSchema": {"type": "object", "properties": {"id": {"type": "string"}}}}
ctl.create_gateway_target(gatewayIdentifier=gw, name="orders", credentialProviderConfigurations=[{"credentialProviderType": "GATEWAY_IAM_ROLE"}], targetConfiguration={
    "mcp": {"lambda": {"lambdaArn": "arn:aws:lambda:eu-central-1:123456789012:function:f", "toolSchema": {"inlinePayload": [tool]}}}})
rt = ctl.create_agent_runtime(agentRuntimeName="rt", roleArn=role, networkConfiguration={"networkMode": "PUBLIC"}, environmentVariables={"API_KEY": "canary-env"},
                              agentRuntimeArtifact={"containerConfiguration": {"containerUri": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/a:1"}})["agentRuntimeId"]
ctl.create_agent_runtime_endpoint(agentRuntimeId=rt, name="prod")
print(json.dumps({"memory": mem}))

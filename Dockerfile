# Serves MCP over Streamable HTTP for many clients, on port 8000, from a volume:
#
#   docker build -t mcp-learning .
#   docker run -p 127.0.0.1:8000:8000 -v learning:/data mcp-learning
#
# The first start prints the bearer token once; later starts keep it (--new-token makes another).
FROM python:3.12-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY mcp_learning mcp_learning
RUN python -m venv /opt/mcp-learning && /opt/mcp-learning/bin/pip install --no-cache-dir .

FROM python:3.12-slim
RUN useradd --system --create-home --uid 10001 learning && install -d -o learning -m 700 /data
COPY --from=build /opt/mcp-learning /opt/mcp-learning
ENV PATH="/opt/mcp-learning/bin:$PATH" MCP_LEARNING_DATA_DIR=/data
USER learning
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s \
    CMD ["python", "-c", "import socket; socket.create_connection(('127.0.0.1', 8000), 3)"]
ENTRYPOINT ["mcp-learning"]
CMD ["serve", "--http", "0.0.0.0:8000"]

# One replica: what compose.yaml builds.  The kernel beneath must have Landlock and seccomp: `ironclaw doctor`.
FROM python:3.13-slim
RUN useradd --create-home --uid 10001 ironclaw && install -d -o ironclaw -m 700 /data /keys /scratch
WORKDIR /src
COPY requirements-dev.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements-dev.lock
COPY pyproject.toml README.md ./
COPY runtime runtime
COPY bot bot
COPY plugins plugins
COPY tools tools
# The standard toolbox is built here, once, and goes with the package.
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable . && ironclaw tool list >/dev/null \
    && pip install --no-cache-dir --no-deps --no-build-isolation --force-reinstall .
USER ironclaw
WORKDIR /home/ironclaw
CMD ["ironclaw", "serve"]

# Two stages: the first installs the locked dependencies, the second contains only what runs.
FROM python:3.11-slim-bookworm AS build
WORKDIR /registry
COPY requirements.txt ./
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.txt

FROM python:3.11-slim-bookworm
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    VARIABLES_FILE=/registry/data/variables.env \
    UPLOAD_PATH=/registry/data/uploads
WORKDIR /registry
RUN useradd --system --uid 10001 --home-dir /registry registry \
    && mkdir -p data/uploads resources \
    && chown -R registry:registry data
COPY --from=build /venv /venv
COPY manage.py ./
COPY registry_site registry_site
COPY tenants tenants
COPY folksonomy folksonomy
COPY versions versions
COPY catalog catalog
RUN python -m compileall -q registry_site tenants folksonomy versions catalog
USER 10001
# Database, files and secrets: all that is written. The rest may be read-only. Certificates go to /registry/resources.
VOLUME /registry/data
EXPOSE 8084 8443
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "manage.py", "healthcheck"]
# exec form: the server receives the stop signal itself and lets running requests finish.
CMD ["python", "manage.py", "serve"]

CREATE TYPE "Plan" AS ENUM ('FREE', 'PRO');
CREATE TABLE tenants (
    id serial PRIMARY KEY, slug text UNIQUE NOT NULL, plan "Plan" NOT NULL DEFAULT 'FREE', budget numeric NOT NULL DEFAULT 0,
    visits bigint NOT NULL DEFAULT 0, score float8 NOT NULL DEFAULT 0, logo bytea,
    created timestamp(3) NOT NULL DEFAULT now(), config jsonb, flags text[]);
CREATE TABLE dishes (
    id serial PRIMARY KEY, name text NOT NULL, price numeric NOT NULL, tenant_id int NOT NULL REFERENCES tenants,
    instead_id int REFERENCES dishes);
CREATE TABLE "Cuisine" (id serial PRIMARY KEY, name text NOT NULL);
CREATE TABLE "_CuisineToTenant" (
    "A" int NOT NULL REFERENCES "Cuisine" ON DELETE CASCADE, "B" int NOT NULL REFERENCES tenants ON DELETE CASCADE,
    PRIMARY KEY ("A", "B"));

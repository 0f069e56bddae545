// Inserts one ticket as a program of another language would, and prints its id.
const { Client } = require("pg");

async function main() {
  const client = new Client({ connectionString: process.env.DATABASE_URL });
  await client.connect();
  const made = await client.query(
    "INSERT INTO counterfoil_tickets (view_model, root_id) VALUES ($1, $2) RETURNING id",
    process.argv.slice(2)
  );
  console.log(made.rows[0].id);
  await client.end();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
